"""What all dashboards have: variables, annotations, links to the others and to the runbook, and the way to a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    ConstantVariable,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from deploy.grafana.generate.panels import SOURCE, Panel
from deploy.grafana.generate.queries import JOB, ledger

RUNBOOK: Final = "https://smsq.example/docs/runbook.md"  # a name for examples: say your own with --runbook
TAG: Final = "smsq"
ALL: Final = VariableOption(selected=True, text=["All"], value=["$__all"])


@dataclass(frozen=True, slots=True)
class Section:
    """A row of a dashboard: its title and its panels, which fill whole lines of 24 columns; '' for no title."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One dashboard."""

    name: str  # of its file and of its address
    title: str
    question: str  # what it answers, for its description
    sections: Sequence[Section]
    lanes: bool = False  # its panels can be limited to lanes
    hosts: bool = True  # its panels can be limited to hosts
    hours: int = 3  # it begins so long ago


def text_of(page: Page, runbook: str = RUNBOOK) -> str:
    """The file of a dashboard; `runbook` is where people read that page."""
    board = (
        Dashboard(page.title)
        .uid(f"smsq-{page.name}")
        .description(page.question)
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .refresh("30s")
        .time(f"now-{page.hours}h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            DashboardLink("smsq")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(True)
            .keep_time(True)
            .as_dropdown(False)
        )
        .link(DashboardLink("Runbook").type(DashboardLinkType.LINK).url("${runbook}").icon("doc").target_blank(True))
    )
    for variable in _variables(page, runbook):
        board.with_variable(variable)
    for annotation in _annotations():
        board.annotation(annotation)
    number = 0
    for section in page.sections:
        if section.title:
            number += 1
            board.with_row(Row(section.title).id(number))
        for panel in section.panels:
            number += 1
            board.with_panel(panel.id(number))
    return json.dumps(board.build(), cls=JSONEncoder, indent=1, ensure_ascii=False) + "\n"


def _variables(page: Page, runbook: str) -> list[DatasourceVariable | QueryVariable | ConstantVariable]:
    data = DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    job = _asked("job", "Installation", "label_values(smsq_ledger_up, job)")
    job.current(VariableOption(selected=True, text="smsq", value="smsq"))
    found: list[DatasourceVariable | QueryVariable | ConstantVariable] = [data, job]
    if page.hosts:
        hosts = _asked("instance", "Host", f"label_values(smsq_ledger_up{{{JOB}}}, instance)")
        found.append(hosts.multi(True).include_all(True).all_value(".*").current(ALL))
    if page.lanes:
        lanes = _asked("lane", "Lane", f"label_values(smsq_batches{{{JOB}}}, lane)")
        found.append(lanes.multi(True).include_all(True).all_value(".*").current(ALL))
    return [*found, ConstantVariable("runbook").value(runbook)]


def _asked(name: str, label: str, query: str) -> QueryVariable:
    """A variable whose values Prometheus knows."""
    return (
        QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def _annotations() -> list[AnnotationQuery]:
    """Firing alerts and halts, drawn over every graph."""
    alerts = AnnotationQuery().name("Alerts").expr('ALERTS{alertstate="firing", alertname=~"Smsq.*"}')
    halts = AnnotationQuery().name("Halts").expr(f"{ledger('smsq_halted')} == 1")
    return [each.datasource(SOURCE).icon_color(colour) for each, colour in ((alerts, "red"), (halts, "purple"))]
