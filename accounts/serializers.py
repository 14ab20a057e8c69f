"""The shapes of accounts: what bodies must look like, and how the document describes answers."""

from rest_framework import serializers

from api import text
from api.fields import Body, Text

MOST_PASSWORD = 1000


class Password(serializers.Field):
    """Taken as it is: nothing is trimmed or rewritten."""

    default_error_messages = {"type": "Give a text.", "length": f"Give 1 to {MOST_PASSWORD} characters."}
    _spectacular_annotation = {
        "field": {
            "type": "string",
            "minLength": 1,
            "maxLength": MOST_PASSWORD,
            "pattern": text.PATTERN,
        }
    }

    def to_internal_value(self, value):
        if not isinstance(value, str):
            self.fail("type")
        if not 1 <= len(value) <= MOST_PASSWORD:
            self.fail("length")
        try:
            text.clean(value)
        except text.Refused as refused:
            raise serializers.ValidationError(str(refused)) from None
        return value


class LoginBody(Body):
    username = Text(most=254, help_text="The username, or the phone with its country in any spelling.")
    password = Password()


class UserShape(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()
    name = serializers.CharField(help_text="As others see it.")
    avatar_url = serializers.CharField(allow_null=True)


class LoginShape(serializers.Serializer):
    token = serializers.CharField(help_text="Shown this once; send it as `Authorization: Bearer <token>`.")
    expires_at = serializers.DateTimeField()
    user = UserShape()


class OwnMembershipShape(serializers.Serializer):
    event_id = serializers.UUIDField()
    role = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    joined_at = serializers.DateTimeField()


class MeShape(UserShape):
    phone = serializers.CharField(allow_null=True, help_text="E.164; nobody else is shown it.")
    memberships = OwnMembershipShape(many=True)
