"""Keys for tests of DKIM, made once: an RSA key takes a tenth of a second. They sign nothing but the mails of tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from courriel.wire.dkim.fields import end_of_header
from courriel.wire.dkim.key_record import record_text
from courriel.wire.dkim.keys import SigningKey
from courriel.wire.dkim.signing import SelectedKey
from courriel.wire.dkim.verifying import Verification

RSA_PEM = b"""\
-----BEGIN PRIVATE KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCgFQbeL0hOv8Hu
dNZP6GFsx0HaFOl/9Ocvb9QiK7bYo7ZrJUfSVBXI2T5XoRUqvSeLOZ7WQO/nHcDu
AmUPNI9eJ9sStFyfxNHaXa+n/PLL9JzY4Mt06SSL9OaDxT+tJLCEsg1Cx0Awc+jx
RfJ1awKKYvgp0DF5GSenGWXhmVdr1an0osLb1wrTDI/EjJRoY8LXDvSibzC8OOol
gjGduqc22T20buuJ+0gxQTcfUv81xGjoDWL1oMI3uC3qGKDxmiHY/KQy0Q2Qeyn5
7xCu3eawNCpM8YBfqJD9v/H+27/w1N9foHKim7rt6kPmyJVeAKx7rkUGO+OUpA3G
XGyk0XJTAgMBAAECggEARRyO2IHFT+pNyas7k0gaN6JW9dYtcQbEgKBhD1ecGy+i
4+M2fMG8nffciGyM/OSpG9yGjK2AZWFdF+SEyOnCM741QIAJtRh+GS51VatJD3DN
/nwempzFIH9cver8sL20T7WnL/th5QlFulSedr76W9Can0K4+TU4/1VhvOI88dqg
MrV9fvs68Fvgv9VchRt9w8grRO9W6FItzXedIQrJljXLnhkD7JcBqJyW+XiRjrl7
XKadquXw38O8CZ/NKiGvdP4I0CoudpwMUUr84iLvbi5A84Eak/wOzuXNtUFkelGk
SBtOPSlcPRHPXgbJzCenq3In7wCSHkCJFJJjAhi7oQKBgQDNVeXCgrhv7yjRnrox
DEVsg8uz+cIPmALU4cx9OKSZAdHDmQOpgmvkdZzhxY5otoktEu2wH4LWFKaFkbSe
0gLlJbPHURGGYBBrKuzTSUjObsxzM9MyoSacYNJrdNkytrqztwUlQcEGt/Vz1Opp
yue9WodNWyhbbsAqbRqZk7abmQKBgQDHlK4NbVNtWNW1ZFwOnQcYLE2hR62Cyfnp
6Q45NiDoQFzaphAE5+JbLVpl6F3CPaACCJs3jgJPd41l2W7AAJXLDZrbMnbQV8ni
WsSolertNrtFXmgGXWZ6o6dmMUbY5+RwXsxIwnv6dFTu6Ad3WdRVuOLlomwHHj91
WlkCRi6QywKBgHjM/Cr+9LsFnKIWG7wXWBCLSSBM45qA98l+Peu9kzhhFaNZNgpX
rFnvx6gbrbh1Cyb1Z9ih8Ts5Uu5p1jVJoGJnV+j/DKxdf8tMqZ90Ed1A2g88ghfb
Lvf5DlIhoFZxok1wcxqEIKdvOnw22uH6eXOw+sDLzGZeNbfAEFIh0OChAoGBAIno
NcC3a29idAFsQKQkYzOT4WxxH/cA43x6+sYTnfd+CetX1jfdly6TjyRdxPOkK31c
PwzLRtNsc7sN3JY1kUwGsZuHKkxabPjI6ZzoQrX5HLwZON41Ccvya4iUwjS9P79Z
8eTQ5mQwoEOY9xfEbZFyOO6eJfFhOE45yMlmf2SzAoGBAMRVshf3MSAyvZoumhH1
UBqAW0b1fJlGx1H9QCOF7Dla7xaPyXHiqcYnWCXGWHSy1pAyMXFsU7gcWvUv1nIB
J8aehLLRgE2mlNv7PY+CIUZkzUXiXRc1mkaocRrfNWshzXFhE7kyi14SzJpi8927
23VAKRcxkKcUwzUJrCeIOR9b
-----END PRIVATE KEY-----
"""
OTHER_RSA_PEM = b"""\
-----BEGIN PRIVATE KEY-----
MIIEuwIBADANBgkqhkiG9w0BAQEFAASCBKUwggShAgEAAoIBAQC9iUo5z7OYXUep
K1iQ56ko3gMlPQbiktlkEBMEBJKzPcUjY/kb68M1dHWyHcmiy1ye/G3uhVzQP+BW
anEm7FtCHIevFYK4kGpEDqJuohhSJJ2gtH2NJtNlui2c1DIzoTguce6RapDKNevw
OvhcFnDkvr3GIxWQItM9FAXIh/G6MmK1PIRBM2zOvjeXZrDiMG/XloHPcQSMm29+
+6sTZSK4wOQQIAkv891YkGveMOS6ZWZu3gETZfGZKptWQSOw3DyfjWfSccpUT9aw
SjgwCDRd+aP853/e6jiorT0nQpR3k9wWcI0tCCqpsKD21RfDe6u4ruwpH1PxVrBH
mhL/HxZ/AgMBAAECggEAELClO6ABlZopNElf3Cq6J6IdLstH7u21fO05b3IjpOr8
kBg+mGnTX8Kolo2u8snrlwhtecJ+oMvvKkznN+E6TAENJarEPxJgeSu8u/dEIv+c
bclXAPX5SYzydUvuO8OnmddohZ+Xrma/JwFaW2mSeWIeffMa8/1NEqTPuY/XBmlA
QcTCFZxzst7wnBFd2Oo7fuyQViG2caqgS0jxsy+PEVk6D+VqnDtkZeBw+aT2XhmK
M5LHNfVSa9gzPmcbpI3UJSgMk5GGzdwIaQLDLxC/qNCBadvxgx4yWGvShs+/LhMD
H/u0aM/14jOhxFAnSXMpTSaGJDnUSC5SyAQ/nY4vgQKBgQD9QbUuuksmWdzW4M3k
VSUe9S2IQOstiWCPMTcvCPIIeDux4kqvcepfuKnd3Rz5Kaz6+SlQyw9oWGkubsCw
3S5RRa0+pq7eVCpTMXJl+g0Hg6ZwZqlZbY0MSEIQ+v3NO/1v9fHJwBYUsowrQCQf
/PAp5lbUzIMIYCD2IJ+1CqbfPwKBgQC/luH3sJTo19zrpckcTBkX9sS+WZl3OR+6
0uFoYjneBAAkmXkmCNPU9P1ct3zf8LgNMLoy46mEMEVCNBhsRtD6FEQ/i5LoeqGI
EAZYii3NRukJ32BKanTt+r0bdy4cXfU11LEjfF3OAbi2IFwUwpO5hg2ZK19d4yjo
q6gYlcU4wQJ/XP3DiWTeMzbL4BqrfyvEdZmRHna35ACNdAaePKcMOA/t22M8CS/K
31rvBIgsG1EyMvVKNmBZR/cup94C4u5UE4OCGX8atogxAlslpkwqfJfahWssw6l2
IQxnNdTzXGiqpnGoVmwxr2fgEAF9QkGd7cSmHXz6oBisAbP48ID4xQKBgQC5S5xQ
ih/68otf/X98Nr0uSCQQVWfvvvfJIJuQ8S82Yngg7a4V8wOtOySvv2auz4myeCYd
gcI5btYNKYVVc0g6Fc/MBZmX7sK7bYQ1ra6Okr5gJgJi9oMQhyjOn32hQd4eqg6I
W4f97fxPaQylp2poTBZqxV/+1eyC20JARNnyAQKBgEp5ryGQfC7x63fhrMn/uZWl
TvPmyiYbmgbPrCr2aVm9+fx14rzVa9/ItUrD2+pdiVO8xFZSaKUWo8pxEktSiE4o
gUFwE9rwh1vr5qf8DXBIoNQHdTgG2YaODPFIGor/3u3cJPIKypSPxq4PwrpXAKLi
vw/nwfsFooPzZqF9nPiO
-----END PRIVATE KEY-----
"""
WEAK_RSA_PEM = b"""\
-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBANOcPUGPUTHvAyt4
7MQj/CMT/OMs0rP5n1lnGkEm7wb9uMd2RbZCsfb7Pdh+fdeO+p74TQ0+jjyw/wzv
yta68cfYlizt/N1TFekmJlJhblcP01VTF3oiygfT4XY/LmpmkCmxm8yt8WhrrefZ
oRje9TgVQ/QgjEqWtuFbpC5cFNB5AgMBAAECgYASDkrLxUbQU+yZUQAi3E8vTw1M
9Q4lfS8zmbCLzp6mog+aNWVNX/N/d4CXcHOcaP7JgbZRYv0QAKpCmFNebyUiGHm4
g4zCchNoagH7wmNhj8Gkx09one1XfJxWAzSY0U43cAynB8eWfc7CHnfGmSEml7U2
e5TouGuzEiGfQHJLgQJBAPW+wM4sHtBgSX6MzNUUTNfHujzOY/6AuMzKLhYK6QjC
vWyackg5yJqNbJwEi7xZY6n/fohQPmReDZTOMPSrkZ0CQQDccNSgfVV0KIIbllPn
81AG0qGiup+aTuuwHh7L/rKJy47Gd1Leo490mD6SfevzAmOUHJ9PMrHbtmyY12Q4
1AGNAkEAuMos75wLu8N74HZ+HIh8VBIzQEAuvxUKYaxyxU6E93qAuGbXIuqYp2dL
UXK1pPdO02l1O4mjsRNsgQYfmAxfnQJAEeavvaCv8dDgT/EzOyDNHOC584cIMvW5
ugGYKqSyRvJa088Y0a+ilKtQWYEUShWllH+GiF3rh5YW14qWPu8oeQJAJp3jVT4U
vaGJg2KoGWZ1Qi3NMFCWB5Nc07fySCC3n16s+1jd+rNm3WXZuRHV1kxnKftlNApu
AqGUzgAPWoA4oA==
-----END PRIVATE KEY-----
"""
ED25519_PEM = b"""\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIBhhcZvc2DPibUInuFSc5+E9Xfav33YveNaEseo0ggGl
-----END PRIVATE KEY-----
"""


@cache
def key_of(pem: bytes) -> SigningKey:
    """The key, read once."""
    return SigningKey.of_pem(pem)


def keys() -> tuple[SelectedKey, SelectedKey]:
    """An RSA key with the selector s1, and an Ed25519 key with the selector e1."""
    return SelectedKey("s1", key_of(RSA_PEM)), SelectedKey("e1", key_of(ED25519_PEM))


def records(domain: str = "example.org") -> dict[str, str]:
    """The records of both keys, by their names."""
    return {f"{each.selector}._domainkey.{domain}": record_text(each.key.kind, each.key.public) for each in keys()}


def verdicts(mail: bytes, domain: str = "example.org") -> list[str]:
    """What our own verifier says of each signature of a mail ("pass", …), with the records of both keys."""
    end = end_of_header(mail)
    verification = Verification(mail[:end])
    verification.feed(mail[end + 2 :])
    known = records(domain)
    return [each.result for each in verification.verdicts(lambda name: (known[name],) if name in known else (), 2e9)]


def key_files(folder: Path) -> tuple[str, str]:
    """References to both keys, as files that nobody else may read."""
    found = []
    for name, pem in (("s1", RSA_PEM), ("e1", ED25519_PEM)):
        path = folder / f"{name}.pem"
        path.write_bytes(pem)
        path.chmod(0o600)
        found.append(f"file:{path}")
    return found[0], found[1]


def settings(folder: Path, more: str = "") -> str:
    """A table [dkim.example] with both keys, as a settings file has it."""
    return f'[dkim.example]\ndomain = "example.org"\nselector = ["s1", "e1"]\nkey = {list(key_files(folder))}\n{more}'
