"""Which of the staff moderate: those to whom a group, or somebody in person, gave the right to work on cases."""

from django.db import migrations

# For the owner alone: whoever asks for a person has found out who it is.
MODERATES_AS_STAFF = (
    """
    CREATE FUNCTION events_moderates_as_staff(asked uuid) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
        SELECT EXISTS (
            SELECT FROM public.accounts_user person
            WHERE person.id = asked AND person.is_staff AND person.is_active AND (
                person.is_superuser OR EXISTS (
                    SELECT FROM public.auth_permission given
                    JOIN public.django_content_type subject ON subject.id = given.content_type_id
                    WHERE subject.app_label = 'moderation' AND given.codename = 'work_case' AND (
                        EXISTS (
                            SELECT FROM public.accounts_user_user_permissions mine
                            WHERE mine.user_id = asked AND mine.permission_id = given.id
                        ) OR EXISTS (
                            SELECT FROM public.accounts_user_groups mine
                            JOIN public.auth_group_permissions of_group ON of_group.group_id = mine.group_id
                            WHERE mine.user_id = asked AND of_group.permission_id = given.id
                        )
                    )
                )
            )
        )
    $$;
    REVOKE ALL ON FUNCTION events_moderates_as_staff(uuid) FROM PUBLIC
    """,
    "DROP FUNCTION events_moderates_as_staff(uuid)",
)


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0002_rights_and_policies"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunSQL(*MODERATES_AS_STAFF)]
