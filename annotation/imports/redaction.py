"""Personal data in texts, found by its form and replaced by what it was: [e-mail], [phone] …

It finds what has a form: it cannot find names or street addresses; a project's own list of words
helps there. In doubt a text is hidden rather than kept, but for what is common and harmless: dates,
times, version numbers, order numbers.

Every pattern takes time in proportion to the text: each repetition is bounded, or possessive behind
a look-behind that lets it begin at one place of a run alone.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

Span = tuple[int, int, str]

KINDS = ("secret", "credentials", "e-mail", "iban", "card", "phone", "ip", "word")
"""What is looked for; where two overlap, all of it is replaced, by the name that comes first."""

MAX_WORDS = 200
MAX_WORD_CHARS = 100


@dataclass(frozen=True)
class Redacted:
    """A text without personal data, and how much of which kind was replaced."""

    text: str
    counts: Counter[str]


def redact(text: str, words: Sequence[str] = ()) -> Redacted:
    """The text with what was found replaced; doing it twice changes nothing more.

    `words` are a project's own, found whole and in any case.
    """
    found = sorted([*(span for look in _LOOKS for span in look(text)), *_listed(text, words)])
    parts: list[str] = []
    counts: Counter[str] = Counter()
    done = 0
    for start, end, kind in _merged(found):
        parts += [text[done:start], f"[{kind}]"]
        counts[kind] += 1
        done = end
    return Redacted("".join([*parts, text[done:]]), counts)


def _merged(found: Sequence[Span]) -> Iterator[Span]:
    """Spans that overlap as one."""
    held: Span | None = None
    for span in found:
        if held is None or span[0] >= held[1]:
            if held is not None:
                yield held
            held = span
        else:
            kind = min(held[2], span[2], key=KINDS.index)
            held = (held[0], max(held[1], span[1]), kind)
    if held is not None:
        yield held


# --- secrets and credentials ----------------------------------------------------------------------

_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"(?:sk|pk|rk)[-_](?:[a-z]{1,12}[-_])?[A-Za-z0-9_-]{16,512}"
    r"|gh[oprsu]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{16,255}"
    r"|hf_[A-Za-z0-9]{20,255}|xox[abeoprs]-[A-Za-z0-9-]{10,255}|npm_[A-Za-z0-9]{20,255}"
    r"|A(?:KIA|SIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,255}"
    r"|eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,8192}(?:\.[A-Za-z0-9_-]{0,8192})?"
    r")(?![A-Za-z0-9])"
)
_BEARER = re.compile(r"(?i)(?<![a-z])bearer[ ]{1,3}([a-z0-9._~+/=-]{12,4096})")
_RUN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{28,}+")
_PEM = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{1,50}-----)?"
)
_QUERY = re.compile(r"(?<=[?&#;])([\w.-]{1,60})=([^\s&#?;\"'<>\[\]]++)")
_USER_INFO = re.compile(r"(?<=://)[^\s/?#\"'<>\[\]]+@")  # up to the last @
_SECRET_NAMES = re.compile(
    r"(?i)(?:^|[._-])(?:(?:access|auth)?token|secret|password|passwd|pwd|pass|apikey|key|sig|signature"
    r"|session|sessionid|sid|jwt|credentials?|auth|code)(?:$|[._-])"
)


def _secrets(text: str) -> Iterator[Span]:
    for match in _PREFIXED.finditer(text):
        yield (*match.span(), "secret")
    for match in _BEARER.finditer(text):
        yield (*match.span(1), "secret")
    for match in _PEM.finditer(text):
        yield (*match.span(), "secret")
    for match in _RUN.finditer(text):
        if _is_random(match[0]):
            yield (*match.span(), "secret")
    for match in _QUERY.finditer(text):
        if _SECRET_NAMES.search(match[1]):
            yield (*match.span(2), "secret")


def _is_random(run: str) -> bool:
    """Letters of both cases and digits, all mixed: no word, no hash in hex, no UUID."""
    digits = sum(letter.isdigit() for letter in run)
    upper = sum(letter.isupper() for letter in run)
    lower = sum(letter.islower() for letter in run)
    return digits * 12 >= len(run) and min(upper, lower) * 6 >= len(run)


def _credentials(text: str) -> Iterator[Span]:
    """What stands before the @ of an address: `user:password@`."""
    for match in _USER_INFO.finditer(text):
        yield (match.start(), match.end() - 1, "credentials")


# --- e-mail, IP addresses -------------------------------------------------------------------------

_EMAIL = re.compile(r"(?<![\w.!$%'*+^{|}~-])[\w.!$%'*+^{|}~-]++@(?:[\w-]++\.)+[^\W\d_][\w-]++")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f:]{0,4}:)[0-9A-Fa-f:]{3,39}(?:\.\d{1,3}){0,3}(?![\w:])"
)
_VERSION = re.compile(r"(?i)(?:\bv|\bver|\bversion|\brelease|\bbuild|\bsection|\brev)[.:]?\s?\Z")


def _emails(text: str) -> Iterator[Span]:
    credentials = {match.end() - 1 for match in _USER_INFO.finditer(text)}
    for match in _EMAIL.finditer(text):
        if text.index("@", match.start()) not in credentials:
            yield (*match.span(), "e-mail")


def _addresses(text: str) -> Iterator[Span]:
    for match in _IPV4.finditer(text):
        before = text[max(0, match.start() - 12) : match.start()]
        if _is_address(IPv4Address, match[0]) and not _VERSION.search(before):
            yield (*match.span(), "ip")
    for match in _IPV6.finditer(text):
        groups = list(filter(None, match[0].split(":")))
        is_number = len(groups) > 1 and any(letter.isdigit() for letter in match[0])
        if is_number and _is_address(IPv6Address, match[0]):
            yield (*match.span(), "ip")


def _is_address(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    """Whether it names a machine; this one itself (127.0.0.1, ::1) tells nothing of anybody."""
    try:
        address = kind(text)
    except AddressValueError:
        return False
    return not address.is_loopback and not address.is_unspecified


# --- bank accounts and cards ----------------------------------------------------------------------

_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])")
_IBANS = {  # characters: countries, after the registry of ISO 13616
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
}
_IBAN_LENGTHS = {code: n for n, codes in _IBANS.items() for code in codes.split()}
_CARD_START = re.compile(r"(?<![\w.])[2-6]\d{3}")  # groups begin with four digits


def _ibans(text: str) -> Iterator[Span]:
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2].upper())
        if length is None:
            continue
        taken = _take(text, match.start(), length, "A-Za-z0-9")
        if taken and _has_ibans_checksum(taken[0]):
            yield (match.start(), taken[1], "iban")


def _take(text: str, start: int, length: int, letters: str) -> tuple[str, int] | None:
    """That many characters from `start` on, single spaces and hyphens left out, and where they end.

    None where they are fewer or go on.
    """
    match = _fixed(length, letters).match(text, start)
    return (match[0].translate(_NO_GAPS), match.end()) if match else None


_NO_GAPS = str.maketrans("", "", " -")


@cache
def _fixed(length: int, letters: str) -> re.Pattern[str]:
    return re.compile(rf"(?:[ -]?[{letters}]){{{length}}}(?![A-Za-z0-9])")


def _has_ibans_checksum(iban: str) -> bool:
    """ISO 7064, mod 97-10."""
    moved = (iban[4:] + iban[:4]).upper()
    return int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1


def _cards(text: str) -> Iterator[Span]:
    for match in _CARD_START.finditer(text):
        for length in (16, 15, 14, 19):
            taken = _take(text, match.start(), length, "0-9")
            if taken and _is_card(taken[0]):
                yield (match.start(), taken[1], "card")
                break


_ISSUERS = re.compile(
    r"4\d{15}|4\d{18}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35\d{14}|62\d{14}|62\d{17}"
)


def _is_card(digits: str) -> bool:
    """A known issuer and length, and the check digit of Luhn (ISO/IEC 7812-1)."""
    if not _ISSUERS.fullmatch(digits):
        return False
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    total = sum(int(d) for d in digits[-1::-2]) + sum(d - 9 if d > 9 else d for d in doubled)
    return total % 10 == 0


# --- telephones and listed words ------------------------------------------------------------------

_SEP = r"[ ./()-]{0,3}"
_PHONES = (
    re.compile(rf"(?<![\w+])\+[1-9](?:{_SEP}\d){{7,14}}(?!\d)"),
    re.compile(rf"(?<![\w+.-])00[1-9](?:{_SEP}\d){{8,13}}(?![\w]|-\d)"),
    re.compile(
        r"(?<![\w.-])(?:\([2-9]\d\d\)[ -]?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}(?![\w]|[-.]\d)"
    ),
    re.compile(r"(?<![\w.-])\(?0[1-9]\d{1,4}\)?[ /-]{1,2}(?:\d[ -]?){6,8}\d(?![\w]|-\d)"),
)
_NAMED_PHONE = re.compile(
    r"(?i)(?<![a-z])(?:tel|telephone|telefon|phone|mobile|mobil|cell|fax|whatsapp)"
    rf"(?: ?(?:number|no|nr))?[.:#]{{0,2}}\s{{0,3}}(\+?\(?\d(?:{_SEP}\d){{5,14}})(?!\d)"
)


def _telephones(text: str) -> Iterator[Span]:
    for pattern in _PHONES:
        for match in pattern.finditer(text):
            yield (*match.span(), "phone")
    for match in _NAMED_PHONE.finditer(text):
        yield (*match.span(1), "phone")


def _listed(text: str, words: Sequence[str]) -> Iterator[Span]:
    ordered = sorted(filter(None, words), key=len, reverse=True)
    if not ordered:
        return
    pattern = "|".join(map(re.escape, ordered))
    for match in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", text, re.IGNORECASE):
        # A placeholder stays as it is: [e-mail] holds no word of anybody's list.
        if text[match.start() - 1 : match.start()] != "[" or match[0].lower() not in KINDS:
            yield (*match.span(), "word")


_LOOKS = (_secrets, _credentials, _emails, _ibans, _cards, _telephones, _addresses)
