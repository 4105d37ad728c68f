"""Print the folder of Debian's prometheus, promtool, amtool and prometheus-alertmanager, fetched if need be."""

from __future__ import annotations

import sys

from tests.peers.prometheus import NotHere, folder

try:
    print(folder())
except NotHere as why:
    sys.exit(str(why))
