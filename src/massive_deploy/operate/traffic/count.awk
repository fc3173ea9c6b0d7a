# Counts nginx's JSON access log in one pass, in memory that does not grow with it. Variables: since, until (seconds
# since 1970, UTC), step (seconds that are counted together), skip (port of another server in the same log), most (see
# below).
#
# Names (paths, agents, networks) are counted as Manku and Motwani's lossy counting does: whoever has at least one in
# `most` requests is there at the end, counted too low by one in `most` at the worst. Paths stay, too, for their time.

function epoch(t,    y, m, d, days, zone) {
    y = substr(t, 1, 4) + 0; m = substr(t, 6, 2) + 0; d = substr(t, 9, 2) + 0
    # March is the first month: leap days come last.
    if (m < 3) { y--; m += 12 }
    days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
    zone = substr(t, 21, 2) * 3600 + substr(t, 24, 2) * 60
    if (substr(t, 20, 1) == "-") zone = -zone
    return days * 86400 + substr(t, 12, 2) * 3600 + substr(t, 15, 2) * 60 + substr(t, 18, 2) - zone
}

# Where each field of this log format is; a line may be of another one than the line before.
function places(    i, name) {
    split("", at)
    for (i = 2; i <= NF; i++) {
        name = $i
        sub(/":.*/, "", name)
        at[name] = i
    }
    uri = at["uri"]; status = at["status"]; client = at["client"]; layer = at["layer"]; agent = at["agent"]; port = at["port"]
    return uri && status && client && layer && agent
}

function value(i,    text) {
    text = $i
    sub(/^[a-z_]*":"?/, "", text)
    sub(/"}$/, "", text)
    return text
}

# The interval a time falls into: each is a fiftieth longer than the one before, from a millisecond on.
function interval(seconds) {
    return int(log(seconds * 1000 + 1) * 50.5 + 0.5)
}

function forget(    name, enough) {
    window++
    enough = total_seconds / most
    for (name in paths) if (paths[name] + paths_late[name] <= window && seconds[name] + seconds_late[name] <= enough) {
        delete paths[name]; delete paths_late[name]; delete seconds[name]; delete seconds_late[name]; delete slowest[name]
    }
    for (name in agents) if (agents[name] + agents_late[name] <= window) { delete agents[name]; delete agents_late[name] }
    for (name in networks) if (networks[name] + networks_late[name] <= window) {
        delete networks[name]; delete networks_late[name]
    }
}

BEGIN { FS = "\",\""; OFS = "\t"; first = since - since % step }

# A line that was cut where the reading ends.
substr($0, length($0)) != "}" { next }

{
    if (substr($uri, 1, 6) != "uri\":\"" || substr($status, 1, 8) != "status\":" || substr($agent, 1, 8) != "agent\":\"" \
        || substr($client, 1, 9) != "client\":\"" || substr($layer, 1, 8) != "layer\":\"") {
        if (!places()) { unreadable++; next }
    }
    if ($1 != said) {
        said = $1
        now = epoch(substr($1, 10))
    }
    if (now < since || now >= until) next
    if (port && skip && value(port) == skip) next

    # status":200,"bytes":512,"seconds":0.004,"cache":"HIT
    split($status, part, /[:,]/)
    requests++
    bytes += part[4]
    code = part[2]
    codes[code]++
    caches[substr(part[8], 2) OFS value(layer)]++
    took = part[6] + 0
    total_seconds += took
    if (!(part[6] in intervals)) {
        if (took > 60) part[6] = int(took)
        intervals[part[6]] = interval(part[6])
    }
    times[intervals[part[6]]]++
    if (took > longest) longest = took
    bucket = int((now - first) / step)
    spans[bucket]++
    if (code >= 500) failures[bucket]++

    path = substr($uri, 7)
    if ((i = index(path, "?")) > 0) path = substr(path, 1, i - 1)
    if (length(path) > 200) path = substr(path, 1, 200)
    if (!(path in paths)) { paths_late[path] = window; seconds_late[path] = total_seconds / most }
    paths[path]++
    seconds[path] += took
    if (took > slowest[path]) slowest[path] = took

    name = value(agent)
    if (length(name) > 200) name = substr(name, 1, 200)
    if (!(name in agents)) agents_late[name] = window
    agents[name]++

    name = substr($client, 10)
    if (!sub(/\.[0-9]+$/, ".0/24", name)) {
        split(name, part, ":")
        # What is left out between two colons is nought, and so is all before the last number.
        if (part[1] == "" || part[2] == "") part[2] = part[3] = ""
        name = (part[1] == "" ? 0 : part[1]) ":" (part[2] == "" ? 0 : part[2]) ":" (part[3] == "" ? 0 : part[3]) "::/48"
    }
    if (!(name in networks)) networks_late[name] = window
    networks[name]++

    if (requests % most == 0) forget()
}

END {
    # Not by print, which shows six digits of what is large.
    printf "requests\t%.0f\t%.0f\t%.3f\t%.3f\t%.0f\n", requests, bytes, total_seconds, longest, unreadable
    for (name in codes) printf "status\t%.0f\t%s\n", codes[name], name
    for (name in caches) printf "cache\t%.0f\t%s\n", caches[name], name
    for (name in times) printf "time\t%.0f\t%s\n", times[name], name
    for (name in spans) printf "span\t%.0f\t%.0f\t%.0f\n", spans[name], failures[name], first + name * step
    # What is a rarity here cannot be among the first of all hosts.
    few = requests / 5000; little = total_seconds / 5000
    for (name in paths) if (paths[name] > few || seconds[name] > little) {
        printf "path\t%.0f\t%.3f\t%.3f\t%s\n", paths[name], seconds[name], slowest[name], name
    }
    for (name in agents) if (agents[name] > few) printf "agent\t%.0f\t%s\n", agents[name], name
    for (name in networks) if (networks[name] > few) printf "network\t%.0f\t%s\n", networks[name], name
}
