"""Regions of Russia: each has a zone, by the names that files and the gateway use."""

from __future__ import annotations

import pytest

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.regions import known_region, zone_of_region
from smsq.worker.domain.zones import offset_of, zones_in

# Hours from UTC of all subjects of the federation, in the winter of 2026.
HOURS = {
    2: "Калининградская область",
    3: "Республика Адыгея;Республика Дагестан;Республика Ингушетия;Кабардино-Балкарская Республика;Республика Калмыкия;"
    "Карачаево-Черкесская Республика;Республика Карелия;Республика Коми;Республика Крым;Республика Марий Эл;"
    "Республика Мордовия;Республика Северная Осетия — Алания;Республика Татарстан;Чеченская Республика;"
    "Чувашская Республика;Краснодарский край;Ставропольский край;Архангельская область;Белгородская область;"
    "Брянская область;Владимирская область;Волгоградская область;Вологодская область;Воронежская область;"
    "Ивановская область;Калужская область;Кировская область;Костромская область;Курская область;Ленинградская область;"
    "Липецкая область;Московская область;Мурманская область;Нижегородская область;Новгородская область;"
    "Орловская область;Пензенская область;Псковская область;Ростовская область;Рязанская область;Смоленская область;"
    "Тамбовская область;Тверская область;Тульская область;Ярославская область;г. Москва;Санкт-Петербург;"
    "г. Севастополь;Ненецкий АО",
    4: "Удмуртская Республика;Астраханская область;Самарская область;Саратовская область;Ульяновская область",
    5: "Республика Башкортостан;Пермский край;Курганская область;Оренбургская область;Свердловская область;"
    "Тюменская область;Челябинская область;Ханты-Мансийский автономный округ - Югра;Ямало-Ненецкий автономный округ",
    6: "Омская область",
    7: "Республика Алтай;Республика Тыва;Республика Хакасия;Алтайский край;Красноярский край;Кемеровская область;"
    "Новосибирская область;Томская область",
    8: "Республика Бурятия;Иркутская область",
    9: "Забайкальский край;Амурская область",
    10: "Приморский край;Хабаровский край;Еврейская автономная область",
    11: "Магаданская область;Сахалинская область",
    12: "Камчатский край;Чукотский АО",
}
WINTER = 1_797_000_000


@pytest.mark.parametrize("hours", HOURS)
def test_every_region_has_its_time(hours: int) -> None:
    """By its official name."""
    for name in HOURS[hours].split(";"):
        assert [offset_of(zone)(WINTER) for zone in zones_in(zone_of_region(name))] == [hours * 3600], name


def test_a_region_with_several_clocks_has_them_all() -> None:
    """A window is then kept by each of them."""
    assert len(zones_in(zone_of_region("Республика Саха (Якутия)"))) == 3


@pytest.mark.parametrize("name", ["Krasnodar Krai", "Краснодарский кр.", "краснодар", "Moskva", "спб", "Татарстан"])
def test_other_writings(name: str) -> None:
    """English, short, in any case."""
    assert known_region(name) == "Europe/Moscow"


def test_an_unknown_region_is_named() -> None:
    """With the nearest name there is."""
    with pytest.raises(BadInput, match=r"there is no region 'Свирдловская'.*did you mean свердлов"):
        zone_of_region("Свирдловская")
    assert known_region("") is None
