"""The names of all flags; they stand nowhere else."""

# Under the live model v1: who reads by v2 already.
MESSAGES_READMODEL_V2 = "messages_readmodel_v2"
# While the legacy bridge stands: whose starts and sends go to the new tables.
MESSAGING_V2 = "messaging_v2"

ALL = (MESSAGES_READMODEL_V2, MESSAGING_V2)
