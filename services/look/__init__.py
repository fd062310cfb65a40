"""
How our pages look, in one place: colours and shapes in `static/look.css`, and what every page's head needs.

The sandbox and the console serve `LOOK` at `/look`, beside what only they have.
"""

from pathlib import Path

LOOK = Path(__file__).parent / "static"
