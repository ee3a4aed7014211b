"""Django's settings, made from the environment (`environment.py`). Nothing else in the project reads os.environ."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import dj_database_url
from csp.constants import NONCE

from webmail.settings.environment import read_environment
from webmail.settings.logging import logging_config

BASE_DIR = Path(__file__).resolve().parents[2]
ENVIRONMENT = read_environment(os.environ, checkout=BASE_DIR)

# Identity of this installation ------------------------------------------------------------------------------------

# Without a key the pages still start (`manage.py check`, first look), but no session outlives the process; the system
# check webmail.E001 refuses that in production.
SECRET_KEY = ENVIRONMENT.secret_key or secrets.token_urlsafe(48)
CREDENTIAL_KEYS = dict(ENVIRONMENT.credential_keys)
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)
BASE_URL = ENVIRONMENT.base_url
CONTENT_URL = ENVIRONMENT.content_url
CSRF_TRUSTED_ORIGINS = [ENVIRONMENT.base_url]
ALLOW_NETWORKS = ENVIRONMENT.allow_networks
PICTURE_NETWORKS = ENVIRONMENT.picture_networks
EXTRA_CA_FILE = ENVIRONMENT.extra_ca_file
VAR_DIR = ENVIRONMENT.var_dir
DEMO = ENVIRONMENT.demo
UNDO_SEND_S = ENVIRONMENT.undo_send_s
SEND_MESSAGES_PER_DAY = ENVIRONMENT.send_messages_per_day
SEND_NEW_RECIPIENTS_PER_DAY = ENVIRONMENT.send_new_recipients_per_day
REDIS_URL = ENVIRONMENT.redis_url
BLOB_URL = ENVIRONMENT.blob_url

# Applications -----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "axes",
    "django_htmx",
    "django_linear_migrations",
    "django_prometheus",
    "accounts",
    "webmail.store",
    "webmail.journal",
    "webmail.outbox",
    "webmail.workers",
    "webmail.web",
    "webmail.api",
    "webmail.panel",
]

MIDDLEWARE = [
    "webmail.web.middleware.short_addresses",
    "webmail.web.middleware.content_without_session",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "webmail.web.compression.compressed_pages",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "webmail.web.language.LanguageMiddleware",
    "webmail.web.middleware.PrivateResponses",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "webmail.urls"
ASGI_APPLICATION = "webmail.asgi.application"
WSGI_APPLICATION = "webmail.wsgi.application"

TEMPLATES = [
    {
        # Pages: Jinja2, because a list of 50 rows costs a tenth of what Django's own engine needs (decision 0012).
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "web"],
        "APP_DIRS": False,
        "OPTIONS": {"environment": "webmail.web.jinja.environment"},
    },
    {
        # Forms of allauth and the admin panel.
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]

# Data -------------------------------------------------------------------------------------------------------------

DATABASES = {"default": dj_database_url.parse(ENVIRONMENT.database_url)}
IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if IS_SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        # A deferred transaction that turns into a writer fails at once, whatever the busy timeout (reliability fact 5).
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # synchronous=FULL: under WAL, NORMAL may lose the last commits on a power cut, and a send we said we took is one.
        # A connection keeps 8 MB of pages, and maps nothing: with the file mapped a worker that lists a large mailbox holds all
        # of it in memory (sync Y8), which measurably quickens no read.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000; PRAGMA mmap_size=0;",
    }
else:
    DATABASES["default"]["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 16, "timeout": 10}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR_DIR / "files"}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
FILE_UPLOAD_TEMP_DIR = None
# No cache holds mail data, and nothing is pickled: the process-local cache serves counters only (security R52).
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

# People and sessions ----------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None
# Failed sign-ins are counted in the database by axes, which works while Redis is away; allauth would need a shared cache.
ACCOUNT_RATE_LIMITS = False
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 1 / 60  # hours: ten tries a minute (security section 3)
AXES_LOCKOUT_PARAMETERS = [["ip_address", "username"]]
AXES_USERNAME_FORM_FIELD = "login"
AXES_SENSITIVE_PARAMETERS = ["password", "login"]
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
AXES_LOCKOUT_CALLABLE = "accounts.adapter.locked_out"
AXES_IPWARE_PROXY_COUNT = ENVIRONMENT.trusted_proxies
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
SESSION_COOKIE_AGE = 30 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_USE_SESSIONS = False

# Safety of pages --------------------------------------------------------------------------------------------------

if ENVIRONMENT.is_production:
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = False  # the TLS proxy in front does that
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
SECURE_CONTENT_TYPE_NOSNIFF = True
# Not "no-referrer": browsers then send Origin: null with forms, and the CSRF check refuses them.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
_FRAMES = ["'self'", CONTENT_URL] if CONTENT_URL else ["'self'"]
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/admin/"],
    "DIRECTIVES": {
        "default-src": ["'none'"],
        # No host is trusted with scripts, not even this one: an attachment that came as a script would lie on it.
        "script-src": [NONCE],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["default"],  # static/js/trusted_types.js
        "style-src": ["'self'"],
        "img-src": [*_FRAMES, "data:"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "frame-src": _FRAMES,
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
        "base-uri": ["'none'"],
        "manifest-src": ["'self'"],
    },
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "microphone", "geolocation", "payment", "usb", "interest-cohort")
}

# Pages ------------------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
# Each in its own words: who looks for a language may not read the one that is set.
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "webmail" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
# Only what the build made is served: bundles, icons, images (static/build.mjs).
STATICFILES_DIRS = [BASE_DIR / "static" / "dist"]
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_MAX_AGE = 31_536_000

UNFOLD = {
    "SITE_TITLE": "Pillarbox",
    "SITE_HEADER": "Pillarbox",
    "SHOW_HISTORY": False,
    "DASHBOARD_CALLBACK": "webmail.panel.dashboard.dashboard",
}

# Logs -------------------------------------------------------------------------------------------------------------

LOGGING = logging_config(level=ENVIRONMENT.log_level)
DJANGO_STRUCTLOG_COMMAND_LOGGING_ENABLED = False
PROMETHEUS_EXPORT_MIGRATIONS = False
