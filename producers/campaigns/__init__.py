"""Campaigns: a file, or rows that a program has at hand, become a named set of batches.

A campaign is known by the digest of its rows, text and options. If the same call is made again while the campaign is
unfinished, enrolment goes on where it stopped; if it is finished, Conflict names its id. A file is read to its end
before the first range is enrolled, so a spoiled file enrols nothing; what was read then is what is enrolled. Rows that
an earlier campaign has sent are not sent again unless the caller says so.

One file for each thing that a person does with campaigns. Never what asks or tells a person: that is in `cli/`.
"""

from __future__ import annotations

from smsq.producers.campaigns.amend import Amended
from smsq.producers.campaigns.control import Controlled
from smsq.producers.campaigns.edit import Edited
from smsq.producers.campaigns.retry import Retried
from smsq.producers.campaigns.words import is_all_in, not_applied, sent_already

__all__ = ["Campaigns", "is_all_in", "not_applied", "sent_already"]


class Campaigns(Retried, Edited, Amended, Controlled):
    """Run, watch and control campaigns: `Smsq.campaigns`."""
