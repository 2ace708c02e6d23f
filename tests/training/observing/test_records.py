"""What a run writes down."""

import json

from srkit.training.observing.records import Log


def test_a_log_forgets_what_a_checkpoint_does_not_know(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in (0, 1, 2, 3)) + '{"st')
    Log(path, 1, after=2)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [0, 1, 2]
