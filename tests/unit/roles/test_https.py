from __future__ import annotations

import re
from pathlib import Path

import pytest

from massive_deploy.errors import InvalidInput
from massive_deploy.inventory import open_inventory

from .web_stack import PLACED, desired, file

SITE = "/etc/nginx/conf.d/edge.conf"
TWO = {**PLACED, "base": (*PLACED["base"], "edge-2"), "varnish": ("edge-1", "edge-2"), "nginx": ("edge-1", "edge-2")}
DOMAINS = {"domains": ["shop.example", "www.shop.example"]}


def site(tls: str, host: str = "edge-1", **settings: object) -> str:
    wanted = desired("nginx", host, app=DOMAINS, settings={"nginx": {"tls": tls, **settings}}, placed=TWO)
    return file(wanted, SITE).content


def test_without_tls_nothing_of_it_is_there() -> None:
    text = site("off")
    assert "443" not in text
    assert "ssl" not in text
    assert "return 308" not in text
    assert "acme" not in text
    wanted = desired("nginx", "edge-1")
    assert wanted.packages == ("nginx", "prometheus-nginx-exporter")
    assert not [one for one in wanted.files if one.secret]


@pytest.mark.parametrize("tls", ["own", "given"])
def test_certificate_and_key_are_one_private_file_and_a_reload(tls: str) -> None:
    wanted = desired("nginx", "edge-1", settings={"nginx": {"tls": tls}})
    pem = file(wanted, f"/etc/nginx/massive-deploy/{tls}.pem")
    assert (pem.mode, pem.owner, pem.secret) == (0o600, "root", True)
    assert f"ssl_certificate massive-deploy/{tls}.pem;" in site(tls)
    assert pem.path in wanted.units[0].reload_on
    assert pem.path not in wanted.units[0].restart_on
    text = site(tls)
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in text
    assert "http2 on;" in text
    assert "http3" not in text


def test_http_leads_to_https_but_for_probes_and_the_issuer() -> None:
    assert "return 308 https://$host$request_uri;" in site("own")
    assert "return 308" not in site("own", https={"redirect": False})
    (stays,) = re.findall(r'"~\^http:([^"]+)" "";', site("own"))
    for path in ("/.massive-deploy/edge", "/.well-known/acme-challenge/x"):
        assert re.match(stays, path)
    for path in ("/", "/massive-deploy/", "/.well-known/security.txt", "/x/.massive-deploy/edge"):
        assert not re.match(stays, path)


def test_the_host_a_visitor_asked_for_is_known_in_every_version_of_http() -> None:
    text = site("own", https={"http3": True})
    assert "proxy_set_header Host $asked_host;" in text
    assert re.search(r'map \$http_host \$asked_host \{\s+"" \$host;', text)
    assert "$http_host;" not in text.replace("default $http_host;", "")


def test_http3_is_offered_beside_http2() -> None:
    text = site("own", https={"http3": True})
    assert "listen 443 quic reuseport default_server;" in text
    assert "Alt-Svc" in text
    assert "listen 443 ssl default_server" in text


def test_the_issuers_question_finds_the_edge_that_knows_the_answer() -> None:
    text = site("acme")
    others = re.findall(r"server (192\.0\.2\.\d+):80 ", text)
    assert len(others) == 1
    assert others != re.findall(r"server (192\.0\.2\.\d+):80 ", site("acme", "edge-2"))
    assert "if ($http_x_acme_asked)" in text
    alone = desired("nginx", "edge-1", app=DOMAINS, settings={"nginx": {"tls": "acme"}})
    assert "acme_elsewhere" not in file(alone, SITE).content


def test_the_issuer_is_asked_for_every_name_at_its_directory() -> None:
    acme = {"directory": "https://ca.example/dir", "email": "a@shop.example", "bundle": "/etc/ssl/mine.pem"}
    wanted = desired("nginx", "edge-1", app=DOMAINS, settings={"nginx": {"tls": "acme", "acme": acme}})
    script = file(wanted, "/usr/local/lib/massive-deploy/acme-certificate").content
    assert "--server 'https://ca.example/dir'" in script
    assert "-d 'shop.example' -d 'www.shop.example'" in script
    assert "--email 'a@shop.example'" in script
    unit = file(wanted, "/etc/systemd/system/acme-certificate.service").content
    assert "Environment=REQUESTS_CA_BUNDLE=/etc/ssl/mine.pem" in unit
    units = {unit.name: unit for unit in wanted.units}
    assert not units["certbot.timer"].running
    assert units["acme-certificate.timer"].running
    (task,) = wanted.tasks
    assert task.before_units


def test_another_directory_is_asked_for_another_certificate() -> None:
    def lineage(directory: str) -> str:
        settings = {"nginx": {"tls": "acme", "acme": {"directory": directory}}}
        wanted = desired("nginx", "edge-1", app=DOMAINS, settings=settings)
        script = file(wanted, "/usr/local/lib/massive-deploy/acme-certificate").content
        return re.findall(r"--cert-name (\S+)", script)[0]

    assert lineage("https://a.example/dir") == lineage("https://a.example/dir")
    assert lineage("https://a.example/dir") != lineage("https://b.example/dir")


@pytest.mark.parametrize(
    ("domains", "where", "what"),
    [
        ("[]", "roles.nginx.tls", "needs the names"),
        ("[shop.example, '*.shop.example']", "app.domains[1]", "cannot be certified over HTTP"),
    ],
)
def test_names_that_no_issuer_certifies_are_refused_with_their_place(
    domains: str, where: str, what: str, tmp_path: Path
) -> None:
    text = f"name: trial\ntarget: docker\napp:\n  source: .\n  settings: shop.settings\n  domains: {domains}\n"
    (tmp_path / "topology.yaml").write_text(text + "roles:\n  nginx:\n    tls: acme\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=what) as refused:
        open_inventory(tmp_path)
    (problem,) = refused.value.problems
    assert (problem.where, problem.line > 1) == (where, True)
