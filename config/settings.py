"""One file, from the environment; fails loudly on a bad value."""

import os
import sqlite3
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# --- where data lies ----------------------------------------------------------------------------
DATA_DIR = Path(env.str("PREFLOOP_DATA", default=str(BASE_DIR / "var"))).resolve()
MODELS_DIR = DATA_DIR / "models"
RUNS_DIR = DATA_DIR / "runs"
SNAPSHOTS_DIR = DATA_DIR / "snapshots"
EXPORTS_DIR = DATA_DIR / "exports"
UPLOADS_DIR = DATA_DIR / "uploads"
for folder in (DATA_DIR, MODELS_DIR, RUNS_DIR, SNAPSHOTS_DIR, EXPORTS_DIR, UPLOADS_DIR):
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

# --- security -----------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY and (DATA_DIR / "secret_key").exists():
    SECRET_KEY = (DATA_DIR / "secret_key").read_text().strip()
if len(SECRET_KEY) < 50 or SECRET_KEY.startswith("django-insecure"):
    raise ImproperlyConfigured(
        "SECRET_KEY must be a random text of at least 50 characters. `make run` makes one in "
        f"{DATA_DIR.name}/secret_key; elsewhere set the variable SECRET_KEY."
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "[::1]"])
ALLOWED_HOSTS += ["localhost"]  # what the health check on this machine asks for
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
USE_HTTPS = env.bool("USE_HTTPS", default=False)  # behind a TLS proxy
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = USE_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = USE_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if USE_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = USE_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if USE_HTTPS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
FILE_UPLOAD_TEMP_DIR = str(UPLOADS_DIR)
FILE_UPLOAD_HANDLERS = [
    "annotation.imports.upload.BoundedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_BYTES", default=2 * 2**30)

# --- application --------------------------------------------------------------------------------
INSTALLED_APPS = [
    "annotation.apps.AnnotationConfig",
    "training.apps.TrainingConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "django_htmx",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.second_factor.SecondFactorMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- people -------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["config.sessions.Backend"]
SESSION_ENGINE = "config.sessions"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "config.accounts.ClosedSignupAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_SESSION_REMEMBER = True
MFA_ADAPTER = "config.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Prefloop"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody signs up by themselves: no address is a stranger's
REQUIRE_MFA_FOR = env.str("REQUIRE_MFA_FOR", default="none")
if REQUIRE_MFA_FOR not in ("none", "staff", "researchers"):
    raise ImproperlyConfigured("REQUIRE_MFA_FOR must be none, staff or researchers.")
# Single sign-on, off unless a server is named. Only this server may be posted on to.
OIDC_SERVER_URL = env.str("OIDC_SERVER_URL", default="").rstrip("/")
OIDC_IS_ON = bool(OIDC_SERVER_URL)
OIDC_NAME = env.str("OIDC_NAME", default="single sign-on")
OIDC_AUTO_JOIN = env.bool("OIDC_AUTO_JOIN", default=False)
SOCIALACCOUNT_ADAPTER = "config.sso.SsoAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True  # before another way in is connected
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if OIDC_IS_ON:
    OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
    OIDC_SECRET = env.str("OIDC_SECRET", default="")
    server = urlsplit(OIDC_SERVER_URL)
    if not (OIDC_CLIENT_ID and OIDC_SECRET):
        raise ImproperlyConfigured("OIDC_SERVER_URL needs OIDC_CLIENT_ID and OIDC_SECRET too.")
    if server.scheme != "https" and server.hostname not in ("127.0.0.1", "localhost"):
        raise ImproperlyConfigured("OIDC_SERVER_URL must begin with https://.")
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] += [f"{server.scheme}://{server.netloc}"]
    SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": OIDC_NAME,
                    "client_id": OIDC_CLIENT_ID,
                    "secret": OIDC_SECRET,
                    "settings": {"server_url": OIDC_SERVER_URL, "oauth_pkce_enabled": True},
                }
            ]
        }
    }
# Nothing is sent unless a server is named: smtp+tls://user:password@host:587
EMAIL_URL = env.str("EMAIL_URL", default="")
EMAIL_IS_ON = bool(EMAIL_URL)
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if EMAIL_IS_ON:
    vars().update(env.email_url("EMAIL_URL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("EMAIL_FROM", default="prefloop@localhost")
# Where people reach us, for links in mails that no request asked for: https://prefloop.example.org
SITE_URL = env.str("SITE_URL", default="").rstrip("/")
if SITE_URL and not (urlsplit(SITE_URL).scheme in ("http", "https") and urlsplit(SITE_URL).netloc):
    raise ImproperlyConfigured("SITE_URL must begin with https:// or http:// and name a host.")
WEEKLY_MAIL_IS_ON = EMAIL_IS_ON and bool(SITE_URL)

# --- database -----------------------------------------------------------------------------------


def sqlite_wal_is_safe(version: tuple[int, ...]) -> bool:
    """Below these versions, WAL can corrupt a database that two processes use (WAL-reset race)."""
    fixed = (3, 51, 3)
    return (
        version >= fixed
        or version[:2] == (3, 44)
        and version >= (3, 44, 6)
        or (version[:2] == (3, 50) and version >= (3, 50, 7))
    )


DATABASES: dict[str, Any] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    journal = "WAL" if sqlite_wal_is_safe(sqlite3.sqlite_version_info) else "DELETE"
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": f"PRAGMA journal_mode={journal}; PRAGMA synchronous=FULL;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 600
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {})["options"] = (
        "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
        " -c plan_cache_mode=force_generic_plan"  # of prepared statements: annotation/compiled.py
    )

# --- Redis, Celery ------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # For what annotators wait on: it must not need Redis.
    "process": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "process",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}
# The row is the truth; a message carries an id, is acknowledged early and is never needed.
CELERY_BROKER_URL = REDIS_URL or "spool://localhost"  # a folder of messages: config/spool.py
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any]
if REDIS_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 12 * 3600,
        "global_keyprefix": env.str("REDIS_PREFIX", default="prefloop:"),
    }
    CELERY_WORKER_DISABLE_PREFETCH = True
else:
    queue_dir = DATA_DIR / "celery"
    for folder in (queue_dir / "queue", queue_dir / "control"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(queue_dir / "queue"),
        "data_folder_out": str(queue_dir / "queue"),
        "control_folder": str(queue_dir / "control"),
        "polling_interval": 0.25,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "training.tasks.execute_run": {"queue": "train"},
    "annotation.tasks.answer_turn": {"queue": "chat"},
}
CELERY_BEAT_SCHEDULE = {
    "release-stale-assignments": {
        "task": "annotation.tasks.release_stale",
        "schedule": 30.0,
    },
    "settle-batches": {"task": "annotation.tasks.settle_batches", "schedule": 30.0},
    "reconcile-runs": {"task": "training.tasks.reconcile", "schedule": 10.0},
    "tell-of-weeks": {"task": "annotation.tasks.tell_of_weeks", "schedule": 60.0},
    "reconcile-files": {"task": "annotation.tasks.reconcile", "schedule": 30.0},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
HEARTBEAT_SECONDS = 10
LOST_AFTER_SECONDS = 60
MAX_ATTEMPTS = 3
STOP_GRACE_SECONDS = 120  # from the wish to cancel to SIGTERM; the engine ends its step and saves
ENGINE_COMMAND = [sys.executable, "-m", "training.engine"]

# --- chat ---------------------------------------------------------------------------------------
CHAT_SECONDS = env.float("CHAT_SECONDS", default=60.0)  # for one answer of one model
CHAT_LOAD_SECONDS = env.float("CHAT_LOAD_SECONDS", default=180.0)  # for a model that we serve
CHAT_IDLE_SECONDS = env.float("CHAT_IDLE_SECONDS", default=600.0)
CHAT_MODELS = env.int("CHAT_MODELS", default=2)  # served here at a time
SERVED_MODELS = "training.serving"
SERVE_COMMAND = [sys.executable, "-m", "training.engine.serve"]

# --- API ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "knox.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["annotation.api_json.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": env.str("API_RATE", default="600/min")},
}
REST_KNOX = {"TOKEN_TTL": None, "AUTO_REFRESH": False}
SPECTACULAR_SETTINGS = {
    "TITLE": "Prefloop",
    "DESCRIPTION": "People judge what a language model writes, and the model learns from it.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ItemOriginEnum": "annotation.models.Item.Origin",
        "CheckpointOriginEnum": "training.models.Checkpoint.Origin",
        "VerdictKindEnum": "annotation.models.Verdict.Kind",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "annotation.api_base.declare_errors",
    ],
}

# --- logs ---------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {"secrets": {"()": "config.logs.HideSecrets"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["secrets"],
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
}
