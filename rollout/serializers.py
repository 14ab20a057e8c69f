from rest_framework import serializers

from api.fields import Id, Query


class FeaturesQuery(Query):
    event = Id(help_text="One of my events.")


class FeaturesShape(serializers.Serializer):
    messaging_v2 = serializers.BooleanField(help_text="My starts and sends go to the new tables.")
    messages_readmodel_v2 = serializers.BooleanField(help_text="My feed is read by the model v2.")
