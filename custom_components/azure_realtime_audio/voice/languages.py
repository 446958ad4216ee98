"""The languages that an assistant hears and speaks, as pipelines and announcements name them."""

from collections.abc import Iterable
import re
from typing import Final, override

from homeassistant.generated.languages import LANGUAGES

# Core takes a language only if it is in the list, to the letter; the model speaks them all. These
# are the regions that other engines name, so that what was written for them is understood.
_REGIONS: Final = {
    "af": "ZA",
    "am": "ET",
    "ar": "AE BH DZ EG IL IQ JO KW LB LY MA MR OM PS QA SA SY TN YE",
    "as": "IN",
    "az": "AZ",
    "be": "BY",
    "bg": "BG",
    "bn": "BD IN",
    "bs": "BA",
    "ca": "AD ES",
    "cs": "CZ",
    "cy": "GB",
    "da": "DK GL",
    "de": "AT BE CH DE IT LI LU",
    "el": "CY GR",
    "en": "AU CA GB GH HK IE IN JM KE MT NG NZ PH PK SG TZ US ZA",
    "es": "AR BO CL CO CR CU DO EC ES GQ GT HN MX NI PA PE PR PY SV US UY VE",
    "et": "EE",
    "eu": "ES",
    "fa": "IR",
    "fi": "FI",
    "fil": "PH",
    "fo": "FO",
    "fr": "BE CA CH FR LU MC",
    "fy": "NL",
    "ga": "IE",
    "gl": "ES",
    "gsw": "CH",
    "gu": "IN",
    "he": "IL",
    "hi": "IN",
    "hr": "BA HR",
    "ht": "HT",
    "hu": "HU",
    "hy": "AM",
    "id": "ID",
    "is": "IS",
    "it": "CH IT SM",
    "ja": "JP",
    "jv": "ID",
    "ka": "GE",
    "kk": "KZ",
    "km": "KH",
    "kn": "IN",
    "ko": "KP KR",
    "lb": "LU",
    "lo": "LA",
    "lt": "LT",
    "lv": "LV",
    "mg": "MG",
    "mi": "NZ",
    "mk": "MK",
    "ml": "IN",
    "mn": "MN",
    "mr": "IN",
    "ms": "MY SG",
    "mt": "MT",
    "my": "MM",
    "nb": "NO",
    "ne": "NP",
    "nl": "BE NL SR",
    "nn": "NO",
    "no": "NO",
    "or": "IN",
    "pa": "IN PK",
    "pl": "PL",
    "ps": "AF",
    "pt": "AO BR MZ PT",
    "ro": "MD RO",
    "ru": "BY KZ RU UA",
    "sd": "PK",
    "si": "LK",
    "sk": "SK",
    "sl": "SI",
    "so": "SO",
    "sq": "AL XK",
    "sr": "BA ME RS",
    "sv": "FI SE",
    "sw": "KE TZ",
    "ta": "IN LK MY SG",
    "te": "IN",
    "th": "TH",
    "tr": "CY TR",
    "uk": "UA",
    "ur": "IN PK",
    "uz": "UZ",
    "vi": "VN",
    "yue": "CN HK",
    "zh": "CN HK MO SG TW",
    "zu": "ZA",
}
# Scripts, where a language is written in several.
_SCRIPTS: Final = (
    "sr-Latn-RS",
    "sr-Cyrl",
    "sr-Cyrl-RS",
    "zh-Hans-CN",
    "zh-Hant-HK",
    "zh-Hant-TW",
)

# Names that some engines go on using.
_OTHER_NAMES: Final = ("cmn", "in", "iw", "jw", "su", "tl", "wuu")
_TAG: Final = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8})*", re.IGNORECASE)


class _Languages(list[str]):
    """Languages that are found however they are written: "de_DE" and "en-us" as well."""

    def __init__(self, languages: Iterable[str]) -> None:
        """Have these, and know other names of them."""
        super().__init__(languages)
        self._known = {language.partition("-")[0] for language in self}
        self._known.update(_OTHER_NAMES)

    @override
    def __contains__(self, language: object) -> bool:
        """Return whether a language is known, in whatever region it is spoken."""
        match = _TAG.fullmatch(language) if isinstance(language, str) else None
        return match is not None and match[1].lower() in self._known


SUPPORTED_LANGUAGES: Final = _Languages(
    sorted(
        {
            *LANGUAGES,
            *_REGIONS,
            *_SCRIPTS,
            *(
                f"{language}-{region}"
                for language, regions in _REGIONS.items()
                for region in regions.split()
            ),
        }
    )
)
