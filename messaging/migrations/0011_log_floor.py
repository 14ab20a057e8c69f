"""Since when the log is whole: of an id of the stream that is older, nobody knows what came after it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0010_texts_move")]
    operations = [
        migrations.CreateModel(
            name="LogFloor",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("xid", models.BigIntegerField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="logfloor_is_one_row")],
            },
        ),
    ]
