"""Writes the dashboards of `deploy/grafana/dashboards` with grafana-foundation-sdk.

One file for each dashboard, above `queries` (PromQL by the names of the table of metrics), `panels` (what a panel
looks like) and `frame` (what all dashboards have). For development: never imported by what runs, and nothing here
asks Grafana or Prometheus. Run `python -m deploy.grafana.generate` after a change here or in the table of metrics.
"""
