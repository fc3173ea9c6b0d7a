"""The products that every new shop starts with: slug, name, price in euros, description."""

from __future__ import annotations

# fmt: off
PRODUCTS = [
    ("brass-compass", "Brass compass", "38.00", "Liquid-filled, with a sighting lid. Points north without a signal."),
    ("canvas-rucksack", "Canvas rucksack", "119.00", "Waxed canvas, 24 litres, two outer pockets and no logo."),
    ("enamel-mug", "Enamel mug", "12.50", "Holds 350 ml of anything hot, and survives the fall."),
    ("field-notebook", "Field notebook", "9.00", "Stone paper: write in the rain, read it afterwards."),
    ("folding-saw", "Folding saw", "34.00", "A 180 mm blade that cuts on the pull and locks open and shut."),
    ("head-torch", "Head torch", "45.00", "400 lumens, a red mode for reading maps, and a spare strap."),
    ("merino-socks", "Merino socks", "19.50", "Warm when wet, and still polite on the third day."),
    ("rain-poncho", "Rain poncho", "52.00", "Covers you and the rucksack; packs into its own pocket."),
    ("spirit-stove", "Spirit stove", "27.00", "No moving parts, so nothing to break. Boils a litre in eight minutes."),
    ("tin-whistle", "Tin whistle", "7.50", "In D. Carries across a valley, for better or worse."),
    ("wool-blanket", "Wool blanket", "89.00", "Woven from recycled wool, 140 by 200 cm."),
    ("wooden-spoon", "Wooden spoon", "6.00", "Carved from birch. Stirs, serves and does not rattle."),
]
