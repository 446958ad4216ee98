"""CI uses actions that are pinned by commit, and may only read."""

from pathlib import Path
import re

WORKFLOWS = Path(__file__).parents[2] / ".github" / "workflows"


def test_actions_are_pinned_by_commit() -> None:
    """A tag can be moved to other code. The comment tells people which one it was."""
    texts = [path.read_text() for path in WORKFLOWS.glob("*.y*ml")]
    used = [line for text in texts for line in text.splitlines() if "uses:" in line]
    assert len(used) >= 3
    for line in used:
        assert re.search(r"uses: [\w/.-]+@[0-9a-f]{40} # \S+$", line), line


def test_workflows_may_only_read() -> None:
    """A step that is taken over cannot write to the repository."""
    for path in WORKFLOWS.glob("*.y*ml"):
        permissions = re.findall(r"permissions:\n((?: +.*\n)+)", path.read_text())
        assert permissions == ["  contents: read\n"], path.name
