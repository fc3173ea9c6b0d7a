from django.db import migrations

from catalogue.seed import PRODUCTS


def fill(apps, schema_editor):
    alias = schema_editor.connection.alias
    product = apps.get_model("catalogue", "Product")
    sales = apps.get_model("catalogue", "Sales")
    rows = [product(slug=s, name=n, price=p, description=d) for s, n, p, d in PRODUCTS]
    # Rows that are there already stay as they are.
    product.objects.using(alias).bulk_create(rows, ignore_conflicts=True)
    sales.objects.using(alias).bulk_create([sales(product_id=row.slug) for row in rows], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
