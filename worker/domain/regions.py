"""Regions of Russia and their time zones, as files and the gateway name them.

The zones are those of the law "On the calculation of time" and of the IANA's table, read on 2026-11-29. A region whose
districts have different clocks has all of its zones.
"""

from __future__ import annotations

import difflib
import re
from functools import cache, lru_cache

from smsq.worker.domain.errors import BadInput

# Zone: the beginning of what its regions are called, in lower case without words such as "область".
_BY_ZONE: dict[str, str] = {
    "Europe/Kaliningrad": "калининград kaliningrad",
    "Europe/Moscow": """
        моск moscow moskva moskov санкт-петербург петербург спб peterburg petersburg sankt-peterburg
        saint-petersburg ленинград leningrad адыге adyg архангельск arkhangelsk белгород belgorod брянск bryansk
        владимир vladimir vladimirsk вологод вологда vologd vologda воронеж voronezh дагестан dagestan иванов ivanov
        ингуш ingush кабардино kabardino калмык kalmyk калу kaluga kaluzh карачаев karachaev karachay карел kareli
        коми komi костром kostrom краснодар krasnodar кубань kuban курск kursk липецк lipetsk марий mari мордов
        mordov мурманск murmansk ненецк nenets нижегород нижний-новгород nizhny nizhniy nizhegorod
        великий veliky новгород novgorod
        орел орлов orel oryol orlov пенз penz псков pskov ростов rostov рязан ryazan северная-осети осети ossetia
        osetia смоленск smolensk ставропол stavropol тамбов tambov татар tatar твер tver тульск тула tula tulsk чечен
        чечн chechn chechen чуваш chuvash ярослав yaroslavl
    """,
    "Europe/Simferopol": "крым crimea krym севастопол sevastopol",
    "Europe/Kirov": "киров kirov",
    "Europe/Volgograd": "волгоград volgograd",
    "Europe/Astrakhan": "астрахан astrakhan",
    "Europe/Saratov": "саратов saratov",
    "Europe/Ulyanovsk": "ульяновск ulyanovsk",
    "Europe/Samara": "самар samar удмурт udmurt",
    "Asia/Yekaterinburg": """
        башкир башкорт bashkir bashkort курган kurgan оренбург orenburg перм perm свердлов sverdlov екатеринбург
        yekaterinburg ekaterinburg тюмен tyumen ханты хмао khanty hmao челябинск chelyabinsk ямало янао yamal
    """,
    "Asia/Omsk": "омск omsk",
    "Asia/Barnaul": "алтай altai altay",
    "Asia/Novosibirsk": "новосибирск novosibirsk",
    "Asia/Novokuznetsk": "кемеров кузбасс kemerov kuzbass",
    "Asia/Tomsk": "томск tomsk",
    "Asia/Krasnoyarsk": "краснояр krasnoyarsk тыва тува tyva tuva хакас khakas",
    "Asia/Irkutsk": "иркутск irkutsk бурят buryat",
    "Asia/Chita": "забайкал чита читинск zabaykal zabaikal chita",
    "Asia/Yakutsk": "амур amur",
    "Asia/Vladivostok": "примор primor хабаровск khabarovsk еврей evrei jewish yevrey еао",
    "Asia/Magadan": "магадан magadan",
    "Asia/Kamchatka": "камчат kamchat",
    "Asia/Anadyr": "чукот chukot",
    "Asia/Yakutsk&Asia/Vladivostok&Asia/Srednekolymsk": "саха якути yakut sakha",
    "Asia/Sakhalin": "сахалин sakhalin",
}
_KINDS = re.compile(
    r"\b(?:область|обл|край|республика|респ|автономн\w+|округ|город|г|ао|аобл|oblast|krai|kray|region|republic|of|the)\b\.?"
)


@lru_cache(maxsize=4096)
def zone_of_region(written: str) -> str:
    """The zone of a region of Russia, by its Russian or English name; raises BadInput for an unknown one.

    >>> zone_of_region("Свердловская обл."), zone_of_region("Республика Татарстан"), zone_of_region("Omsk oblast")
    ('Asia/Yekaterinburg', 'Europe/Moscow', 'Asia/Omsk')
    """
    if (zone := known_region(written)) is not None:
        return zone
    name = _plain(written)
    near = difflib.get_close_matches(name, _beginnings(), 1, 0.7)
    hint = f"; did you mean {near[0]}…?" if near else ""
    raise BadInput(
        f"there is no region {written.strip()!r} with a known time zone{hint}; a column for zones takes +05:00"
    )


@lru_cache(maxsize=4096)
def known_region(written: str) -> str | None:
    """The same; None for an unknown one."""
    name = _plain(written)
    if not name:
        return None
    beginnings = _beginnings()
    return next((beginnings[name[:end]] for end in range(len(name), 2, -1) if name[:end] in beginnings), None)


def _plain(written: str) -> str:
    said = _KINDS.sub(" ", written.casefold().replace("ё", "е"))
    return "-".join(re.findall(r"\w+", said))


@cache
def _beginnings() -> dict[str, str]:
    return {name: zone for zone, names in _BY_ZONE.items() for name in names.split()}
