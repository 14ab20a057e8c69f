"""The groups of staff, and what each looks at and does in the admin; `is_staff` lets them in."""

from django.db import migrations

MODERATOR, SUPPORT, ADMINISTRATOR = "Moderator", "Support", "Administrator"

LOOKS_AT_PEOPLE = (
    "accounts.view_user",
    "events.view_event",
    "events.view_membership",
    "events.view_helprequest",
    "broadcasts.view_broadcast",
    "broadcasts.view_quota",
    "messaging.view_conversation",
)
GROUPS = {
    MODERATOR: (
        *LOOKS_AT_PEOPLE,
        "accounts.view_auditentry",
        *(
            f"moderation.view_{model}"
            for model in (
                "appeal",
                "case",
                "contentrule",
                "decision",
                "evidence",
                "report",
                "rulehit",
                "sanction",
                "transcriptlook",
            )  # fmt: skip
        ),
        "moderation.work_case",
        "moderation.read_transcript",
        "moderation.lift_sanction",
        "moderation.decide_appeal",
        "moderation.add_contentrule",
        "moderation.change_contentrule",
        "moderation.switch_contentrule",
    ),
    # Help for people who cannot sign in or got no text: no evidence, no decisions.
    SUPPORT: (*LOOKS_AT_PEOPLE, "accounts.view_token", "messaging.view_delivery", "moderation.view_sanction"),
}
# Administrators may do what any permission of these apps names.
OURS = ("accounts", "api", "events", "rollout", "messaging", "broadcasts", "moderation")


def make_permissions(apps) -> dict:
    """Django makes them after all migrations have run, which is too late here; it finds these then."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    made = {}
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            of, _ = ContentType.objects.get_or_create(app_label=app, model=model._meta.model_name)
            named = [(f"{deed}_{model._meta.model_name}", f"Can {deed} {model._meta.verbose_name}")
                     for deed in model._meta.default_permissions]  # fmt: skip
            for codename, name in [*named, *model._meta.permissions]:
                made[f"{app}.{codename}"], _ = Permission.objects.get_or_create(
                    content_type=of, codename=codename, defaults={"name": name}
                )
    return made


def make_groups(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    permissions = make_permissions(apps)
    for name, codes in {**GROUPS, ADMINISTRATOR: permissions}.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*(permissions[code] for code in codes))


def drop_groups(apps, schema_editor):
    """Past Django's own way, which would look into tables of waffle's flags that are no more, or not yet."""
    Group, User, Flag = (apps.get_model(name) for name in ("auth.Group", "accounts.User", "rollout.Flag"))
    ours = Group.objects.filter(name__in=[*GROUPS, ADMINISTRATOR])
    for named in (Group.permissions.through, User.groups.through, Flag.groups.through):
        named.objects.filter(group__in=ours).delete()
    ours._raw_delete(ours.db)


class Migration(migrations.Migration):
    dependencies = [
        ("moderation", "0002_who_sees_what"),
        ("accounts", "0002_rights_and_look_ups"),
        ("api", "0003_webhooks"),
        ("events", "0002_rights_and_policies"),
        ("rollout", "0001_flags_and_comparisons"),
        ("messaging", "0003_writing"),
        ("broadcasts", "0001_broadcasts_and_quotas"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        # Whose flags name groups: their tables go after the groups are taken away.
        ("waffle", "0004_update_everyone_nullbooleanfield"),
    ]
    operations = [migrations.RunPython(make_groups, drop_groups)]
