"""The stack's own certificate authority: P-256 keys, an authority per inventory, a leaf for each service and host.

Everything here is a value. Where pairs are kept is told in `certificates.py`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 20 * 365
# The longest that browsers accept from an authority their user added.
LEAF_DAYS = 820
# Clocks that are a little late trust it at once.
_EARLIER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its private key: `chain` is PEM, the leaf first; `key` is PEM (PKCS 8, not encrypted)."""

    chain: str
    key: str

    @property
    def both(self) -> str:
        """Chain and key as one PEM text, which can be replaced in one step."""
        return self.chain + self.key

    def __repr__(self) -> str:
        return f"Pair({self.chain[:40]!r}…)"


def new_authority(name: str, now: datetime) -> Pair:
    """A new authority for the inventory of that name. It signs leaves only, no other authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "massive-deploy"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {now:%Y-%m-%d}"),
        ]
    )
    builder = _builder(subject, subject, key, now, now + timedelta(days=AUTHORITY_DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return _pair(builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256()), key)


def leaf(authority: Pair, names: tuple[str, ...], now: datetime) -> Pair:
    """A new certificate for these host names, wildcards and addresses, for servers and for clients.

    It ends with its authority at the latest.
    """
    signer, signing = _certificate(authority), _private(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    # A common name has 64 characters at most, and nobody goes by it any more: the names are in the extension.
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, names[0] if len(names[0]) <= 64 else "massive-deploy")]
    )
    end = min(now + timedelta(days=LEAF_DAYS), signer.not_valid_after_utc)
    builder = _builder(subject, signer.subject, key, now, end)
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    issuer = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    for extension, critical in (
        (x509.SubjectAlternativeName([_general(name) for name in names]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs=False), True),
        (usages, False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return _pair(builder.sign(signing, hashes.SHA256()), key)


def is_due(pair: Pair, authority: Pair, names: tuple[str, ...], now: datetime) -> bool:
    """Whether the leaf must be made anew: other names, another authority, or less than a third of its life left."""
    certificate, signer = _certificate(pair), _certificate(authority)
    try:
        certificate.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature):
        return True
    if set(names) != set(names_of(pair)):
        return True
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now < life / 3


def names_of(pair: Pair) -> tuple[str, ...]:
    """Host names, wildcards and addresses the first certificate is for."""
    try:
        found = _certificate(pair).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return tuple(found.get_values_for_type(x509.DNSName) + addresses)


def ends(pair: Pair) -> datetime:
    """When the first certificate of the chain stops being valid, in UTC."""
    return _certificate(pair).not_valid_after_utc


def given(chain: str, key: str) -> Pair:
    """A certificate that others issued: PEM of the chain (any order after the leaf) and of its private key.

    Raises:
        ValueError: what is wrong with them; shows nothing of the key.
    """
    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
    except ValueError as error:
        raise ValueError("the file with the certificate holds no PEM certificate") from error
    try:
        private: Any = serialization.load_pem_private_key(key.encode(), None)
    except TypeError as error:
        raise ValueError("the private key is encrypted: take off its passphrase first (openssl pkey)") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("the file with the key holds no PEM private key") from error
    if _public(certificates[0].public_key()) != _public(private.public_key()):
        raise ValueError("the key does not belong to the first certificate of the file")
    return Pair("".join(_pem(certificate) for certificate in certificates), _private_pem(private))


def to_word(pair: Pair) -> str:
    """The pair as one word of letters, digits and -_.~: how it is kept among the inventory's secrets."""
    certificates = x509.load_pem_x509_certificates(pair.chain.encode())
    private: Any = serialization.load_pem_private_key(pair.key.encode(), None)
    raw = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ders = [certificate.public_bytes(serialization.Encoding.DER) for certificate in certificates]
    return f"{'.'.join(_encode(der) for der in ders)}~{_encode(raw)}"


def from_word(word: str) -> Pair:
    """The pair that `to_word` made a word of.

    Raises:
        ValueError: it is no such word; does not show it.
    """
    chain, tilde, key = word.partition("~")
    try:
        certificates = [x509.load_der_x509_certificate(_decode(der)) for der in chain.split(".")]
        private: Any = serialization.load_der_private_key(_decode(key), None)
        matches = _public(certificates[0].public_key()) == _public(private.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        matches = False
    if not tilde or not matches:
        raise ValueError("the value is no certificate with its key")
    return Pair("".join(_pem(certificate) for certificate in certificates), _private_pem(private))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    start = start.astimezone(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _EARLIER)
        .not_valid_after(end.astimezone(UTC).replace(microsecond=0))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        address: IPv4Address | IPv6Address = ip_address(name)
    except ValueError:
        return x509.DNSName(name)
    return x509.IPAddress(address)


def _certificate(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.chain.encode())


def _private(pair: Pair) -> ec.EllipticCurvePrivateKey:
    key: Any = serialization.load_pem_private_key(pair.key.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is of another kind")
    return key


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(_pem(certificate), _private_pem(key))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(key: Any) -> str:
    raw: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return raw.decode()


def _public(key: Any) -> bytes:
    raw: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return raw


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(word: str) -> bytes:
    return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
