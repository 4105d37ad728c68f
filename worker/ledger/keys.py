"""Every key of the ledger, named once.

| key | type | holds | written by | gone |
|---|---|---|---|---|
| `b:<number // 1024>` | hash | up to 1,024 batches, each in the fields below | all verbs | upkeep |
| `c:<id>` | hash | a campaign: plan, cursor, totals | enrol, every verb | upkeep |
| `c:<id>:b` | string | its batch numbers, four bytes each, in row order | enrol | upkeep |
| `c:<id>:x` | hash | its rejected rows | enrol | upkeep |
| `c:<id>:l` | string | its rows that were left out since they were sent already | enrol | upkeep |
| `c:<id>:z<k>` | string | batch numbers of the k-th of its time zones, four bytes each | enrol, feed | upkeep |
| `c:<id>:k` | string | the table `places` that its rows were grouped by | keep_places | upkeep |
| `c:<id>:m` | sorted set | its batches that have a moment, which is the score | enrol | feed |
| `c:<id>:a` | list | what was done to it, by whom and when | begin, amend, control, edit, occur, resolve | upkeep |
| `c:<id>:y` | hash | its retries, each with the rows that it takes | begin | upkeep |
| `c:<id>:h` | set | batches that it has back: due while it was paused, or paced | claim, control, feed | empty |
| `campaigns` | sorted set | campaign id by creation time | enrol | upkeep |
| `live` | sorted set | campaigns that are not over, by creation time | enrol, upkeep | upkeep, once it is over |
| `digest:<hex>` | string | content of a file, text and options: its campaign | enrol | with the campaign |
| `g` | hash | gateway id: its batch, every attempt | claim | upkeep |
| `ready:<lane>` | sorted set | handed out or waiting; score: hint again at | enrol, feed, release, probe | on claim |
| `names:<day>` | hash | the gateway's name of a message: our id, recipient | settle_each | once final; four days |
| `early:<day>` | hash | receipts that came before the name of their message | keep_early | merged; days |
| `lease` | sorted set | batches being sent; score: until | claim | on settle, release, doubt, expire |
| `doubt` `doubt:urgent` | sorted set | doubtful batches, codes apart; score: next ask | doubt, probe | on a verdict |
| `blind` | sorted set | doubtful batches of which nothing was found | doubt, expire | on a first fact |
| `parked` | sorted set | batches that wait for an operator; score: since | probe | on a verdict |
| `asks` `asks:urgent` | sorted set | not final, or cost not told; score: next ask | settle | when all is told |
| `watch` | sorted set | absent ids still asked about; score: next ask | probe | 72 h after the claim |
| `ended` | sorted set | single messages that are final; score: when | advance, asked | upkeep |
| `upkeep` | hash | up to which end the texts of single messages are gone | upkeep | never: one number |
| `slots:<kind>` | sorted set | requests that may be running; score: until | claim, take | on the answer, or by score |
| `calls` | hash | calls for a claim that were repeated: what each was given | claim | an hour after the last |
| `bell:ready:urgent` | list | 128 rings at most: a code is ready | enrol, enrol_request, ring | by who waits |
| `bell:slots:<lane>` | list | four rings at most: a slot is free | settle, release, doubt | by who waits |
| `owners` | sorted set | worker processes; score: last beat | beat | when silent for an hour |
| `sick` | hash | worker processes that cannot send: why, since when | beat | an hour after the last said so |
| `n:gid` `n:batch` | string | counters | claim, enrol | never: an id must not come again |
| `run` | hash | the run in force, the last n of each, the layout | all that count | never: it tells a fall-back |
| `rollcall:<run>` | hash | what each host reported | report | a week |
| `gone:<run>` | set | hosts that an operator gave up in that roll call | give_up | a week |
| `recovered:<run>` | set | hosts whose journals were taken over | recover | a week |
| `stubs` | hash | enrolment key of what was sent and lost: its ids and mirrors | stub | on its next claim |
| `hosts` | set | hosts that must report | establish | never: see `smsq doctor` |
| `away` | hash | hosts that signed off: a number and when | sign_off | come_back, establish, report, give_up |
| `looks:<run>` | hash | who may have noted whose sign-off, when it last looked | look | on its next note; a week |
| `homes` | hash | per host of the roll call: its name for people, when last heard | establish, beat | on give_up |
| `stamp` | hash | the account and birth of this ledger | establish | never: it keeps accounts apart |
| `ctl` | hash | what halts or slows the login; named operators | halt, release, claim, advance | when lifted |
| `totals` | hash | counters and gauges for the exporter | every verb | never: counters only grow |
| `control` | hash | the youngest visible accepted message; what was found where | settle, control probe | overwritten |
| `cap:<day>` | hash | recipient: messages of campaigns counted that day, if a cap is set | screen | eight days |
| `optouts` | hash | scope and recipient, or its hash: since when, and why | list_optouts | never: taken off by hand |
| `bucket` | hash | tokens of the pace | claim | a minute idle |
| `places` | hash | first seven digits of phones: a time zone, and the day it was said | learn_places | upkeep |
| `idem:<hash>` | hash | an enrolment key: its message and content | enrol | upkeep, with its message |
| `files` | hash | digest of a file: how many messages and campaigns need it | enrol_*, detach | with the last of them |
| `code:<id>` | hash | a one-time code: its tries and steps, nothing that tells it | otp_* | a day past its expiry |
| `code:<id>:s` | hash | its salt, phone and text, sealed; its keyed hash | otp_open | expired, used or locked |
| `cascade` | sorted set | codes that may need another channel; score: next look | otp_* enrol, verdicts | otp_end |
| `codekey:<hash>` | hash | a caller's key: its code and content | otp_open | with its code |
| `templates` | hash | saved texts: newest number of a name, text of each version | template_* | by template_remove |
| `lead` | string | the leading scheduler | lead | its time to live |
| `job:<id>` | hash | a question for the chores lane and its answer | post_job | ten minutes |
| `doctor` | string | nothing: a write that is timed | `smsq doctor` | a second |
| `backup` | string | a random mark, by which a snapshot is known | `smsq backup` | a day |
| `bell:job:<id>` | list | rings when the answer is there | finish_job | ten minutes |
| `door:said:<digest>` | hash | what a caller's request was answered | enrol_request, note_* | ten minutes |
| `door:id:<caller>:<id>` | hash | recipient: the newest batch under that id | enrol_request | SMSQ_KEEP_DAYS |
| `door:past:<caller>:<day>` | list | a caller's batches and ids of a day | enrol_request | SMSQ_KEEP_DAYS |
| `door:jobs:<caller>` | hash | a caller's jobs: their campaigns, and back | note_job | SMSQ_KEEP_DAYS |
| `n:door:jobs` | string | the last number of a job | note_job | never: a number must not come again |
| `n:door` | string | the last id drawn for a caller | enrol_request, draw_id | never: an id must not come again |
| `shield` | hash | limits of the shield set by hand, in two writings | `smsq shield limit` | never: one for each |
| `shield:rules` | hash | prefix, country, `all:` and country: its rule | admit, refused, rule | a day after its end |
| `shield:held` | sorted set | what is or was held; score: until | admit, refused, rule | a day after its end |
| `shield:busy` | sorted set | prefixes and countries by recent codes, 300 at most | admit | two days after a new one |
| `shield:prices` | hash | channel and country: what a code costs, since when | learn | never: one for each |
| `shield:token:<hash>` | string | an admission: its answer, what was reserved | admit, learn, refused | an hour |
| `shield:phone:<hash>` | string | codes of late to a phone | admit, verified, refused | its longest window |
| `shield:block:<digits>` | string | the same of ten thousand numbers | admit, verified, refused | its longest window |
| `shield:wide:<digits>` | string | the same of a million numbers | admit, verified | its longest window |
| `shield:country:<region>` | string | the same of a country | admit, verified | its longest window |
| `shield:client:<hash>` | string | codes of late for a client | admit, verified, refused | its longest window |
| `shield:known:<month>:<shard>` | string | bits of phones at which a code was entered | verified | four months |
| `shield:all` | string | all codes of late, and what they cost | admit, verified, learn | a day idle |
| `limit:<what>` | sorted set | recent requests of one kind, for the gateway's per-minute limits | take | two minutes |

The fields of a batch are its number and a letter: `m` meta, `p` recipients, `t` texts, `h` prints of texts, `w` rows,
`r` receipts, `k` enrolment key, `o` what operators decided, `c` its one-time code, `f` digests of its files, `s` a code
that a call said, sealed, `v` the number of the list of opt-outs that it was screened by, `q` 1 if a
cap counted it, `z` the place of its time
zone, `l` words of its rows; `x<n>` what is beside the receipts of sixteen messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from smsq.worker.domain.batch import Ref

SHARD = 1024  # batches in one hash: large enough to amortise a key, small enough to load and move


@dataclass(frozen=True, slots=True)
class Keys:
    """Builds key names; one hash tag per installation keeps them in one slot."""

    tag: str = "{smsq}"

    def of(self, name: str) -> str:
        """The full name of a key in the table above."""
        return f"{self.tag}:{name}"

    def shard(self, number: int) -> str:
        """The key of the hash that holds a batch."""
        return f"{self.tag}:b:{number // SHARD}"

    def ids_of(self, caller: str) -> str:
        """The beginning of the keys of a caller's ids."""
        return f"{self.tag}:door:id:{caller}:"

    def campaign(self, campaign_id: str, part: str = "") -> str:
        """The key of a campaign, or of its part, such as `b` or `h`; single messages share the id `-`."""
        return f"{self.tag}:c:{campaign_id or '-'}" + (f":{part}" if part else "")

    def zones(self, campaign_id: str, places: Iterable[int]) -> list[str]:
        """The keys of the lists of some of a campaign's time zones."""
        return [self.campaign(campaign_id, f"z{place}") for place in places]

    def claim(self, ref: Ref | None) -> list[str]:
        """The keys of a claim: of a batch, or of the next one."""
        keys = self.batch_verb(ref or Ref(0))
        if ref is None:
            keys[:3] = f"{self.tag}:b:", f"{self.tag}:c:", f"{self.tag}:c:"
        return [*keys, f"{self.tag}:calls"]

    def settle_each(self, ref: Ref, at: float) -> list[str]:
        """The keys of a settling message by message: of the batch, the names of the day, early receipts."""
        day = int(at // 86400)
        return [*self.batch_verb(ref), self.of(f"names:{day}"), self.of(f"early:{day}"), self.of(f"early:{day - 1}")]

    def names(self, at: float, days: int) -> list[str]:
        """The keys of the gateway's names of these last days, the newest first; a day more, since clocks differ."""
        return [self.of(f"names:{day}") for day in range(int(at // 86400) + 1, int(at // 86400) - days, -1)]

    def batch_verb(self, ref: Ref) -> list[str]:
        """The keys that every verb on a batch receives, in the order of `lua/include/batch.lua`."""
        tag = self.tag
        return [
            self.shard(ref.number),
            self.campaign(ref.campaign),
            self.campaign(ref.campaign, "h"),
            f"{tag}:ready:urgent",
            f"{tag}:ready:bulk",
            f"{tag}:lease",
            f"{tag}:doubt",
            f"{tag}:blind",
            f"{tag}:parked",
            f"{tag}:asks",
            f"{tag}:watch",
            f"{tag}:ended",
            f"{tag}:slots:urgent",
            f"{tag}:slots:bulk",
            f"{tag}:owners",
            f"{tag}:g",
            f"{tag}:n:gid",
            f"{tag}:n:batch",
            f"{tag}:run",
            f"{tag}:ctl",
            f"{tag}:totals",
            f"{tag}:control",
            f"{tag}:bucket",
            f"{tag}:stubs",
            f"{tag}:bell:slots:urgent",
            f"{tag}:bell:slots:bulk",
            f"{tag}:cascade",
            f"{tag}:doubt:urgent",
            f"{tag}:asks:urgent",
        ]
