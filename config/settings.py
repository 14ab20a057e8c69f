"""All settings, in sections. Values come from the environment through config.environment."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import environ
from celery.schedules import crontab
from kombu import Queue

from config import home
from config.environment import (
    REPOSITORY,
    Misconfigured,
    amount,
    boolean,
    currency,
    email_addresses,
    email_server,
    fault_address,
    former_keys,
    header_name,
    host_names,
    identifier,
    networks,
    one_of,
    phone_number,
    prices,
    public_url,
    quiet_hours,
    quota,
    rate_limit,
    read,
    secret,
    sender,
    url,
    whole_number,
)
from messaging.sms.account import simulated_account

# --- What kind of place this is -------------------------------------------------------------

DEBUG = read("DEBUG", boolean, False)
DEMO = read("CALLBOARD_DEMO", boolean, False)
PORT = read("PORT", whole_number(1, 65535), 8000)
PUBLIC_URL = read("CALLBOARD_PUBLIC_URL", public_url, f"http://127.0.0.1:{PORT}")

SECRET_KEY = read("SECRET_KEY", str, None) or home.secret()
if not SECRET_KEY:
    raise Misconfigured("SECRET_KEY is not set: give a long random string, or run script/server, which makes one")
# What signed before: sessions go on, and webhooks carry a signature by each until it is taken away here.
SECRET_KEY_FALLBACKS = read("SECRET_KEY_FALLBACKS", former_keys, [])

ALLOWED_HOSTS = read("ALLOWED_HOSTS", host_names, [urlsplit(PUBLIC_URL).hostname, "127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# The header in which the proxy in front names the client; without one the connection's own address counts.
REAL_IP_HEADER = read("CALLBOARD_REAL_IP_HEADER", header_name, "")

# --- Servers ---------------------------------------------------------------------------------

DATABASE_URL = read("DATABASE_URL", url("postgres", "postgresql"), None) or home.database_url()
REDIS_URL = read("REDIS_URL", url("redis", "rediss", "unix"), None) or home.redis_url()
for name, value in (("DATABASE_URL", DATABASE_URL), ("REDIS_URL", REDIS_URL)):
    if not value:
        raise Misconfigured(
            f"{name} is not set and {home.path()} holds no servers: set it, or run script/server, which brings its own"
        )

_PREPARES = read("CALLBOARD_PREPARED_STATEMENTS", boolean, True)
# Behind PgBouncer a server connection is somebody's for one transaction: no cursor is kept beyond one.
_POOLED = read("CALLBOARD_POOLED", boolean, not _PREPARES)


def _database(address: str, connect_timeout: int) -> dict:
    named = environ.Env.db_url_config(address)
    options = {
        **named.get("OPTIONS", {}),
        "connect_timeout": connect_timeout,
        # Bound on the server, so that statements can be prepared and their values stay out of its log.
        "server_side_binding": True,
        # None behind a PgBouncer older than 1.21, which cannot follow prepared statements.
        "prepare_threshold": 5 if _PREPARES else None,
    }
    return {
        **named,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": None,
        "DISABLE_SERVER_SIDE_CURSORS": _POOLED,
        "OPTIONS": options,
    }


DATABASES = {"default": _database(DATABASE_URL, connect_timeout=5)}
# A copy that answers reads which may be a moment old; how far it may be behind and still be asked.
REPLICA_URL = read("CALLBOARD_REPLICA_URL", url("postgres", "postgresql"), None)
REPLICA_LAG_SECONDS = read("CALLBOARD_REPLICA_LAG_SECONDS", whole_number(1, 60), 1)
if REPLICA_URL:
    DATABASES["replica"] = {**_database(REPLICA_URL, connect_timeout=2), "TEST": {"MIRROR": "default"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Apps ------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "legacy",
    "moderation",
    "broadcasts",
    "messaging",
    "rollout",
    "events",
    "accounts",
    "api",
    "config.console_app.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "waffle",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False

# The first two serve every call; what pages need stands aside for /api/v1.
MIDDLEWARE = [
    "api.requests.RequestMiddleware",
    *(["config.pages.PositionMiddleware"] if REPLICA_URL else []),
    "config.pages.GateMiddleware",
    "config.pages.WhiteNoiseMiddleware",
    "config.pages.SecurityMiddleware",
    "config.pages.PolicyMiddleware",
    "config.pages.SessionMiddleware",
    "config.pages.LocaleMiddleware",
    "config.pages.CsrfViewMiddleware",
    "config.pages.AuthenticationMiddleware",
    "config.pages.MessageMiddleware",
    "config.pages.XFrameOptionsMiddleware",
    "config.console_pages.ConsolePolicyMiddleware",
    "config.console_pages.ZoneMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [REPOSITORY / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "/static/"
# Files are found where the apps keep them: no collectstatic between a clone and a running system.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
# Of the pages that people use; the API and the admin speak English.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [REPOSITORY / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
# Of times in the admin.
FORMAT_MODULE_PATH = "config.formats"

# --- People ----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.OneLookBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
# A second factor at the console's door; the demo asks for none.
SECOND_FACTOR = not DEMO
TOKEN_LIFETIME = timedelta(days=read("CALLBOARD_TOKEN_DAYS", whole_number(1, 3650), 30))

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# `check --deploy` looks for three middlewares by their names, of which `config.pages` has its own.
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002", "security.W003"]
CSRF_FAILURE_VIEW = "accounts.pages.again.form_refused"

# --- The API ---------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Callboard",
    "DESCRIPTION": "The message system of an event.",
    "VERSION": "1.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # What a path of the API names is always an id.
    "PATH_CONVERTER_OVERRIDES": {"str": {"type": "string", "format": "uuid"}},
    "ENUM_NAME_OVERRIDES": {
        "Role": "events.rules.Role",
        "HelpRequestStatus": "events.models.HelpRequest.Status",
        "ConversationKind": "messaging.models.Conversation.Kind",
        # Of the schema that took something in, and of the read model: two things that are named alike.
        "Version": ["v1", "v2"],
        "BroadcastKind": "broadcasts.models.Broadcast.Kind",
        "BroadcastStatus": "broadcasts.models.Broadcast.Status",
        "CaseStatus": "moderation.models.Case.Status",
        "AppealStatus": "moderation.models.Appeal.Status",
        "CaseOutcome": "moderation.models.OUTCOMES",
        "ActionType": "moderation.models.ACTIONS",
        "SanctionType": "moderation.models.SANCTIONS",
    },
    "SERVERS": [{"url": "/"}],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.schema.close_objects",
    ],
}

RATE_LIMIT = read("CALLBOARD_RATE_LIMITS", rate_limit, 600)
LOGIN_LIMIT_PER_ACCOUNT = 10
LOGIN_LIMIT_PER_ADDRESS = 100
# Codes of a second factor that may be tried for one account, right ones counted.
CODE_LIMIT_PER_DAY = 50
# Open streams of one person in a stream process; devices and tabs have one each.
STREAMS_PER_PERSON = read("CALLBOARD_STREAMS_PER_PERSON", whole_number(1, 10_000), 10)
# How long the log is kept for who comes back to a stream.
LOG_KEPT = timedelta(days=read("CALLBOARD_LOG_DAYS", whole_number(1, 3650), 7))
BODY_LIMIT = 256 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
IDEMPOTENCY_LIFETIME = timedelta(hours=24)
# For developers: lets webhooks go to http:// and to this machine.
WEBHOOKS_MAY_BE_LOCAL = read("CALLBOARD_LOCAL_WEBHOOKS", boolean, False)

# --- Flags -----------------------------------------------------------------------------------

WAFFLE_FLAG_MODEL = "rollout.Flag"
# Flags have a page of their own; waffle's samples and switches are not used.
WAFFLE_ENABLE_ADMIN_PAGES = False

# --- Broadcasts ------------------------------------------------------------------------------

# How many a person has in an event before it starts, and from its start on; None is as many as wanted.
BROADCAST_QUOTAS = {
    "organizer": read("CALLBOARD_ORGANIZER_QUOTA", quota(may_be_unlimited=False), (2, 1)),
    "mvp_dealer": read("CALLBOARD_MVP_DEALER_QUOTA", quota(may_be_unlimited=True), (None, None)),
}
# A scheduled one without `valid_until` that is later than this no longer goes out.
BROADCAST_PATIENCE = timedelta(minutes=10)
BROADCAST_BATCH = read("CALLBOARD_BROADCAST_BATCH", whole_number(1, 100_000), 20_000)
# A text broadcast to more people, or dearer than this, has to be confirmed.
CONFIRM_AUDIENCE = read("CALLBOARD_CONFIRM_AUDIENCE", whole_number(0, 1_000_000_000), 1000)
CONFIRM_COST = read("CALLBOARD_CONFIRM_COST", amount, Decimal(50))

# --- Texts -----------------------------------------------------------------------------------

SMS_CURRENCY = read("CALLBOARD_SMS_CURRENCY", currency, "USD")
# One part of a text, by the beginning of the phone. Texts go to these destinations and no others.
SMS_PRICES = read(
    "CALLBOARD_SMS_PRICES",
    prices,
    prices(
        "+1:0.0083,+30:0.0700,+31:0.0990,+32:0.0950,+33:0.0798,+34:0.0729,+351:0.0550,+352:0.0900,+353:0.0900,"
        "+358:0.0900,+36:0.0900,+39:0.0927,+40:0.0700,+41:0.0725,+420:0.0650,+421:0.0750,+43:0.0850,+44:0.0524,"
        "+45:0.0550,+46:0.0560,+47:0.0700,+48:0.0430,+49:0.0930,+61:0.0515,+64:0.1050,+81:0.0790"
    ),
)

# Who takes texts: a server of our own that speaks the same protocol, or Twilio. Where nothing says so, they wait.
_SIMULATE = DEMO or DEBUG or home.database_url() == DATABASE_URL
_BACKEND = "simulator" if _SIMULATE else "twilio" if read("TWILIO_ACCOUNT_SID", str, None) else None
SMS_BACKEND = read("CALLBOARD_SMS_BACKEND", one_of("simulator", "twilio"), _BACKEND)
_SIMULATED = SMS_BACKEND == "simulator"
_simulated_sid, _simulated_token = simulated_account(SECRET_KEY)
TWILIO_ACCOUNT_SID = read("TWILIO_ACCOUNT_SID", identifier("AC"), _simulated_sid if _SIMULATED else None)
TWILIO_AUTH_TOKEN = read("TWILIO_AUTH_TOKEN", str, _simulated_token if _SIMULATED else None)
TWILIO_MESSAGING_SERVICE_SID = read("TWILIO_MESSAGING_SERVICE_SID", identifier("MG"), None)
TWILIO_FROM = read("TWILIO_FROM", sender, "+15005550006" if _SIMULATED and not TWILIO_MESSAGING_SERVICE_SID else None)
TWILIO_BASE_URL = read(
    "TWILIO_BASE_URL", public_url, f"{PUBLIC_URL}/simulator" if _SIMULATED else "https://api.twilio.com"
)
if SMS_BACKEND == "twilio":
    _missing = [
        name
        for name, value in (
            ("TWILIO_ACCOUNT_SID", TWILIO_ACCOUNT_SID),
            ("TWILIO_AUTH_TOKEN", TWILIO_AUTH_TOKEN),
            ("TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM", TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM),
        )
        if not value
    ]
    if _missing:
        raise Misconfigured(f"CALLBOARD_SMS_BACKEND is twilio, for which these are not set: {', '.join(_missing)}")
# Twilio answers STOP, START and HELP itself, unless its own handling of them is switched off.
SMS_PROVIDER_ANSWERS = read("CALLBOARD_SMS_PROVIDER_ANSWERS", boolean, True)
# Texts a second of our sender, over all workers; and how many calls one worker makes at once.
SMS_RATE = read("CALLBOARD_SMS_RATE", whole_number(1, 10_000), 500)
SMS_THREADS = read("CALLBOARD_SMS_THREADS", whole_number(1, 64), 8)
SMS_BATCH = read("CALLBOARD_SMS_BATCH", whole_number(1, 1000), 100)
# Calls begun for one text before it ends as failed: with the growing pauses about an hour.
SMS_MOST_ATTEMPTS = read("CALLBOARD_SMS_MOST_ATTEMPTS", whole_number(1, 1000), 20)
# How old an unknown text has to be before the provider's having none of it counts.
SMS_SAFE_AGE_SECONDS = read("CALLBOARD_SMS_SAFE_AGE_SECONDS", whole_number(1, 86_400), 120)
# How long a text may go without an end before the provider is asked what became of it.
SMS_SETTLE_SECONDS = read("CALLBOARD_SMS_SETTLE_SECONDS", whole_number(1, 86_400), 600)
# In the event's time zone; an event may have hours of its own.
SMS_QUIET_HOURS = read("CALLBOARD_SMS_QUIET_HOURS", quiet_hours, None)
# What texts of one event, and those to one destination, may cost within a day (UTC).
# How long a text that ended, and what the provider told of it, names its phone.
KEEP_PHONES_DAYS = read("CALLBOARD_KEEP_PHONES_DAYS", whole_number(1, 36_500), 90)
# How long after its end what was said in an event is kept; for ever, where it is not set.
KEEP_MESSAGES_DAYS = read("CALLBOARD_KEEP_MESSAGES_DAYS", whole_number(1, 36_500), None)
# Where the broadcast that is made for testing is texted to; nowhere, where it is not set.
CHECK_PHONE = read("CALLBOARD_CHECK_PHONE", phone_number, None)
SMS_EVENT_LIMIT = read("CALLBOARD_SMS_EVENT_LIMIT", amount, Decimal(1000))
SMS_DESTINATION_LIMIT = read("CALLBOARD_SMS_DESTINATION_LIMIT", amount, Decimal(2000))

# --- Moderation ------------------------------------------------------------------------------

# Who hears by e-mail of cases; nobody, where there is no server to send by.
MODERATOR_EMAILS = read("CALLBOARD_MODERATOR_EMAILS", email_addresses, [])
# An open case that nobody has moved for so long is told of again, once for each such time.
CASE_OVERDUE = timedelta(minutes=read("CALLBOARD_CASE_OVERDUE_MINUTES", whole_number(1, 100_000), 60))

DEFAULT_FROM_EMAIL = SERVER_EMAIL = read("CALLBOARD_EMAIL_FROM", str, "callboard@localhost")
EMAIL_TIMEOUT = 10
_NO_EMAIL = {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
globals().update(read("CALLBOARD_EMAIL_URL", email_server, _NO_EMAIL))

# --- Background work -------------------------------------------------------------------------

CELERY_BROKER_URL = (
    "redis+socket://" + REDIS_URL.removeprefix("unix://").replace("?db=", "?virtual_host=")
    if REDIS_URL.startswith("unix://")
    else REDIS_URL
)
# How often what is due or was left behind is looked for, and how long a worker's claim on its work stands.
SWEEP_SECONDS = read("CALLBOARD_SWEEP_SECONDS", whole_number(1, 60), 5)
LEASE_SECONDS = read("CALLBOARD_LEASE_SECONDS", whole_number(1, 600), 15)

CELERY_TASK_IGNORE_RESULT = True
# A worker takes from its queues by turns: however many comparisons wait, what people wait for stands behind one at
# most. Texts have a queue, and workers, of their own: a slow provider holds up nothing else. A worker that is told of
# no queue takes from all.
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_QUEUES = tuple(Queue(name) for name in (CELERY_TASK_DEFAULT_QUEUE, "comparisons", "texts"))
CELERY_TASK_ROUTES = {
    "rollout.tasks.compare_read_models": {"queue": "comparisons"},
    **{f"messaging.tasks.{name}": {"queue": "texts"} for name in ("send_texts", "reconcile_texts", "text_canary")},
}
# A killed worker's tasks run again: every task finds its work in the database and is harmless twice.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 120, "socket_timeout": 10, "socket_connect_timeout": 2}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "watch": {"task": "rollout.tasks.watch", "schedule": 60.0, "options": {"expires": 60}},
    "send-alarm-mails": {"task": "rollout.tasks.send_alarm_mails", "schedule": 20.0, "options": {"expires": 40}},
    "forget": {"task": "messaging.tasks.forget", "schedule": crontab(hour=3, minute=50)},
    "purge-alarms": {"task": "rollout.tasks.purge_alarms", "schedule": crontab(hour=3, minute=40)},
    "canary": {"task": "api.tasks.canary", "schedule": 5.0, "kwargs": {"sent_by": "beat"}, "options": {"expires": 10}},
    "purge-answers": {"task": "api.tasks.purge_answers", "schedule": 3600.0},
    "purge-comparisons": {"task": "rollout.tasks.purge_comparisons", "schedule": crontab(hour=3, minute=20)},
    "purge-tokens": {"task": "accounts.tasks.purge_tokens", "schedule": crontab(hour=3, minute=10)},
    "send-notices": {
        "task": "api.tasks.send_notices",
        "schedule": float(SWEEP_SECONDS),
        "options": {"expires": 3 * SWEEP_SECONDS},
    },
    "purge-log": {"task": "messaging.tasks.purge_log", "schedule": crontab(hour=3, minute=30)},
    "purge-notices": {"task": "api.tasks.purge_notices", "schedule": crontab(hour=3, minute=20)},
    "sweep-broadcasts": {
        "task": "broadcasts.tasks.sweep",
        "schedule": float(SWEEP_SECONDS),
        "options": {"expires": 3 * SWEEP_SECONDS},
    },
    "check-broadcast-path": {
        "task": "broadcasts.tasks.check_path",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "sweep-texts": {
        "task": "messaging.tasks.sweep_texts",
        "schedule": float(SWEEP_SECONDS),
        "options": {"expires": 3 * SWEEP_SECONDS},
    },
    "reconcile-texts": {
        "task": "messaging.tasks.reconcile_texts",
        "schedule": float(SWEEP_SECONDS),
        "options": {"expires": SWEEP_SECONDS},
    },
    "text-canary": {"task": "messaging.tasks.text_canary", "schedule": 5.0, "options": {"expires": 10}},
    "sweep-cases": {"task": "moderation.tasks.sweep", "schedule": 20.0, "options": {"expires": 40}},
    # At its hour; and each minute, for when nobody kept time at that hour. It takes effect once.
    "reset-quotas": {"task": "broadcasts.tasks.reset_quotas", "schedule": crontab(hour=2, minute=0)},
    "catch-up-quotas": {"task": "broadcasts.tasks.reset_quotas", "schedule": 60.0, "options": {"expires": 60}},
}

# --- Watching --------------------------------------------------------------------------------

# Who may read /metrics: whoever names this, or asks from there; nobody, where neither is set.
METRICS_TOKEN = read("CALLBOARD_METRICS_TOKEN", secret, None)
METRICS_FROM = read("CALLBOARD_METRICS_FROM", networks, [])
# Who hears by e-mail of alarms; and where their runbook is read, for links: the admin shows it, too.
OPERATOR_EMAILS = read("CALLBOARD_OPERATOR_EMAILS", email_addresses, [])
RUNBOOK_URL = read("CALLBOARD_RUNBOOK_URL", public_url, f"{PUBLIC_URL}/admin/rollout/alarm/runbook/")

# --- Logs ------------------------------------------------------------------------------------

# Where faults are reported to, and traces sent; nowhere, where it is not set.
SENTRY_DSN = read("CALLBOARD_SENTRY_DSN", fault_address, None)
SENTRY_ENVIRONMENT = read("CALLBOARD_SENTRY_ENVIRONMENT", str, "production")
OTLP_ENDPOINT = read("CALLBOARD_OTLP_ENDPOINT", public_url, None)
LOG_FORMAT = read("CALLBOARD_LOGS", one_of("json", "readable"), "readable" if DEBUG else "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "api.logs.JsonFormatter"},
        "readable": {"()": "api.logs.ReadableFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # Every request has its own line from api.requests; Django's would say it again.
        "django.request": {"level": "CRITICAL"},
        "django.server": {"level": "WARNING"},
        # These quote what a client sent: paths, hosts, origins.
        "django.security": {"level": "CRITICAL"},
        # The provider's client and what it calls by write down addresses, phones and texts.
        "twilio": {"level": "CRITICAL"},
        "urllib3": {"level": "CRITICAL"},
    },
}
