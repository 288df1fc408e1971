"""``python -m zoo`` is the ``zoo`` program."""

from __future__ import annotations

import sys

from zoo.cli import main

sys.exit(main())
