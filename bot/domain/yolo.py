"""The template that gpubot brings along: training with Ultralytics YOLO.

`yolo detect train` uses every GPU of its `device` list on one node (it starts a process for each),
writes `weights/last.pt` after every epoch, and with `resume=True` and that file goes on in the
same folder. Of what it did before, `device` may be another then.
"""

from __future__ import annotations

from bot.domain.errors import N_
from bot.domain.job import Job, JobTemplate

YOLO_TRAIN = JobTemplate(
    name="yolo-train",
    summary=N_("train an Ultralytics YOLO detector on one node"),
    job=Job(
        image="ultralytics/ultralytics:latest",
        command=(
            "yolo",
            "detect",
            "train",
            "model={model}",
            "data={data}",
            "epochs={epochs}",
            "imgsz={imgsz}",
            "batch={batch}",
            "device={devices}",
            "project={checkpoints}",
            "name=train",
            "exist_ok=True",
        ),
        resume=("yolo", "detect", "train", "resume=True", "model={checkpoint}", "device={devices}"),
        checkpoints="{first}",
        checkpoint="{checkpoints}/train/weights/last.pt",
        workers=1,
    ),
    parameters=(
        ("data", None),
        ("model", "yolo11n.pt"),
        ("epochs", "100"),
        ("imgsz", "640"),
        ("batch", "16"),
    ),
)

#: What is offered unless the configuration has a template of the same name.
SHIPPED = (YOLO_TRAIN,)
