"""What a panel looks like: one function for each kind, and the colours that mean the same on every dashboard.

A panel says in one sentence what it shows. Levels are goals: the colour of a value, and dashed lines in a graph.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import DashboardLink, FieldColor, ThresholdsConfig
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DashboardSpecialValueMapOptions,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Panel = stat.Panel | timeseries.Panel | statetimeline.Panel | table.Panel

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
GOOD, WARNING, BAD, PLAIN = "green", "orange", "red", "text"
COLOURS: Final = {  # of what always means the same
    "accepted": "blue",
    "delivered": "green",
    "read": "dark-green",
    "expired": "yellow",
    "undeliverable": "orange",
    "refused": "red",
    "late": "dark-red",
    "queued": "light-blue",
    "ready": "light-blue",
    "sending": "blue",
    "doubtful": "orange",
    "parked": "red",
    "unknown": "orange",
    "unreachable": "purple",
}
ALERT: Final = "alert above"  # the legend of a threshold that is a series
ALERT_LINE: Final = [
    DynamicConfigValue("color", {"mode": "fixed", "fixedColor": BAD}),
    DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}),
    DynamicConfigValue("custom.fillOpacity", 0),
]


@dataclass(frozen=True, slots=True)
class Query:
    """An expression and the name of its series: words, with labels as `{{lane}}`."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Levels:
    """From which value on it is a warning, and from which on bad; `falling` if less is worse."""

    warning: float | None = None
    bad: float | None = None
    falling: bool = False

    def steps(self) -> list[Threshold]:
        """The steps as Grafana wants them: the first has no value."""
        if self.falling:
            named = [(self.bad, WARNING if self.warning is not None else GOOD), (self.warning, GOOD)]
            first = BAD if self.bad is not None else WARNING
        else:
            named, first = [(self.warning, WARNING), (self.bad, BAD)], GOOD
        return [Threshold(color=first), *(Threshold(value, colour) for value, colour in named if value is not None)]


def number(
    title: str,
    says: str,
    *queries: Query,
    unit: str,
    levels: Levels | None = None,
    words: Mapping[int, tuple[str, str]] | None = None,
    nothing: str = "unknown",
    runbook: str = "",
    size: tuple[int, int] = (4, 4),
    decimals: int | None = None,
) -> stat.Panel:
    """One large value, its background coloured by the levels; `words` replace values, `nothing` stands for no data.

    It is the value of now: the newest of a range would stay green for hours after the exporter has gone.
    """
    panel = (
        stat.Panel()
        .title(title)
        .description(says)
        .unit(unit)
        .targets([_target(query, letter).instant() for letter, query in _lettered(queries)])
        .datasource(SOURCE)
        .span(size[0])
        .height(size[1])
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(BigValueGraphMode.NONE)
        .no_value(nothing)
        .mappings(_words(words or {}, nothing))
        .links(_runbook(runbook))
    )
    if decimals is not None:
        panel.decimals(decimals)
    if levels is None and words is None:
        return panel.color_mode(BigValueColorMode.NONE).thresholds(_thresholds([Threshold(color=PLAIN)]))
    steps = levels.steps() if levels is not None else [Threshold(color=PLAIN)]
    return panel.color_mode(BigValueColorMode.BACKGROUND).thresholds(_thresholds(steps))


def graph(
    title: str,
    says: str,
    *queries: Query,
    unit: str,
    levels: Levels | None = None,
    stacked: bool = False,
    most: float | None = None,
    runbook: str = "",
    size: tuple[int, int] = (8, 8),
) -> timeseries.Panel:
    """Lines over time from 0 up; levels are dashed lines."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(says)
        .unit(unit)
        .targets(_targets(queries))
        .datasource(SOURCE)
        .span(size[0])
        .height(size[1])
        .min(0)
        .line_width(1)
        .fill_opacity(40 if stacked else 8)
        .show_points(VisibilityMode.NEVER)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL if stacked else StackingMode.NONE).group("A"))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .legend(_legend())
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .links(_runbook(runbook))
    )
    if most is not None:
        panel.max(most)
    if levels is not None:
        panel.thresholds(_thresholds(levels.steps()))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED))
    if any(query.legend == ALERT for query in queries):
        panel.override_by_name(ALERT, ALERT_LINE)
    for name, colour in COLOURS.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        if any(query.legend in (name, "{{status}}", "{{state}}", "{{outcome}}") for query in queries):
            panel.override_by_name(name, [DynamicConfigValue("color", fixed)])
    return panel


def states(
    title: str,
    says: str,
    *queries: Query,
    words: Mapping[int, tuple[str, str]],
    runbook: str = "",
    size: tuple[int, int] = (8, 8),
) -> statetimeline.Panel:
    """A bar for each series, coloured by what `words` says of its value: text and colour."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(says)
        .unit("short")
        .targets(_targets(queries))
        .datasource(SOURCE)
        .span(size[0])
        .height(size[1])
        .mappings(_words(words, "unknown"))
        .thresholds(_thresholds([Threshold(color=PLAIN)]))
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .show_value(VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(80)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.SINGLE))
        .links(_runbook(runbook))
    )


def rows(
    title: str,
    says: str,
    query: Query,
    *,
    columns: Mapping[str, str],
    unit: str = "short",
    runbook: str = "",
    size: tuple[int, int] = (12, 8),
) -> table.Panel:
    """The values of now, a row for each series; `columns` says which labels are shown, under which name."""
    hidden = {"Time": True, "__name__": True, "job": True}
    return (
        table.Panel()
        .title(title)
        .description(says)
        .unit(unit)
        .targets([_target(query, "A").instant().format(PromQueryFormat.TABLE)])
        .datasource(SOURCE)
        .span(size[0])
        .height(size[1])
        .no_value("none")
        .thresholds(_thresholds([Threshold(color=PLAIN)]))
        .transformations(
            [
                DataTransformerConfig(
                    "organize",
                    options={
                        "excludeByName": {name: True for name in hidden if name not in columns},
                        "indexByName": {name: place for place, name in enumerate(columns)},
                        "renameByName": dict(columns),
                    },
                )
            ]
        )
        .links(_runbook(runbook))
    )


def _targets(queries: Sequence[Query]) -> list[Builder[variants.Dataquery]]:
    return [_target(query, letter) for letter, query in _lettered(queries)]


def _lettered(queries: Sequence[Query]) -> Iterator[tuple[str, Query]]:
    """With the letters A, B, …: without them Grafana cannot tell queries apart."""
    return zip(string.ascii_uppercase, queries, strict=False)


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(letter).range().datasource(SOURCE)
    return target.legend_format(query.legend or "__auto")


def _thresholds(steps: list[Threshold]) -> ThresholdsConfig:
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .calcs([])
    )


def _words(words: Mapping[int, tuple[str, str]], nothing: str) -> list[ValueMapping]:
    """Values as words; what is unknown, or no number, is `nothing`."""
    unknown = SpecialValueMap(
        DashboardSpecialValueMapOptions(SpecialValueMatch.NULL_AND_NAN, ValueMappingResult(nothing, PLAIN, index=0))
    )
    known = {
        str(value): ValueMappingResult(text, colour, index=place)
        for place, (value, (text, colour)) in enumerate(words.items(), 1)
    }
    return [unknown, *([ValueMap(known)] if known else [])]


def _runbook(heading: str) -> list[Builder[dashboard.DashboardLink]]:
    """A link to the page, by a heading as it is written there; none for ''."""
    if not heading:
        return []
    anchor = heading.lower().replace(" ", "-")
    link = DashboardLink(f"Runbook: {heading}").type(DashboardLinkType.LINK).url(f"${{runbook}}#{anchor}")
    return [link.target_blank(True)]
