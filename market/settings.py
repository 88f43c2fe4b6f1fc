"""Django settings. Every setting that may differ between machines comes from market.configuration."""

from __future__ import annotations

import os
from typing import Any

import django_stubs_ext

from market import configuration, services
from market.cache import PATIENCE
from market.configuration import ROOT
from market.configuration.api import ApiLimits
from market.configuration.carrying import CarryingRules
from market.configuration.claims import ClaimRules
from market.configuration.disputes import DisputeRules
from market.configuration.domains import DomainRules
from market.configuration.extractions import ExtractionLimits
from market.configuration.fees import Fees
from market.configuration.files import UploadLimits
from market.configuration.payouts import PayoutRules
from market.configuration.takedowns import TakedownRules
from market.configuration.trading import TradeRules
from market.configuration.workers import JobDeadlines

# Lets generic classes such as forms.ModelForm[Work] be written without quotes.
django_stubs_ext.monkeypatch()

CONFIG = configuration.load(os.environ)
# Only this user can read works, pictures, mails, logs and keys, whatever the machine's default is.
os.umask(0o077)

BASE_DIR = ROOT
DATA_DIR = CONFIG.data_dir
DEBUG = CONFIG.flag("DEBUG")
SECRET_KEY = CONFIG.text("SECRET_KEY") or services.kept_secret_key(DATA_DIR)
SEAL_KEY = CONFIG.text("SEAL_KEY") or services.kept_seal_key(DATA_DIR)
PUBLIC_URL = CONFIG.public_url
ALLOWED_HOSTS = CONFIG.allowed_hosts
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# --- Applications

INSTALLED_APPS = [
    "market.stack",
    "market.audit",
    "market.accounts",
    "market.basemodels",
    "market.catalog",
    "market.jobs",
    "market.generation",
    "market.claims",
    "market.disputes",
    "market.extractions",
    "market.carrying",
    "market.combinations",
    "market.takedowns",
    "market.trading",
    "market.ledger",
    "market.payments",
    "market.reports",
    "market.pages",
    "market.api",
    "django.forms",
    "market.audit.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "market.audit.origin.remember_origin",
    "market.security.security_headers",
    "market.turns.refuse_without_turn",
    "market.stack.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "market.accounts.second_factor.SecondFactorOfAdmins",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "market.urls"
ASGI_APPLICATION = "market.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["market.pages.templatetags.pages"],
        },
    },
]

# Forms render with templates/django/forms, so that every field has the same shape.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Database, broker, cache

DATABASES = {"default": services.database(CONFIG)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "market.cache.MarketCache",
        "LOCATION": services.cache_url(CONFIG),
        "KEY_PREFIX": "market",
    },
}

# Only in the database: after an outage a cache would bring back sessions that were ended meanwhile.
SESSION_ENGINE = "django.contrib.sessions.backends.db"

CELERY_BROKER_URL = services.broker_url(CONFIG)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A broker that hangs must not hold up the request that wakes a worker. Workers wait longer (workers.app).
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": PATIENCE,
    "socket_timeout": PATIENCE,
    "socket_keepalive": True,
    "max_retries": 0,
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"

# --- People

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_ADAPTER = "market.accounts.adapter.AccountAdapter"
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "market.accounts.forms.SignUpFields"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if CONFIG.is_https else "http"
ACCOUNT_SESSION_REMEMBER = True
# Counted by where a request comes from, not by the account it names: a stranger could use up an owner's attempts.
ACCOUNT_RATE_LIMITS = {"reset_password": "5/m/ip"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Plug-in Market"

# --- Security

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Without https a browser never sends a secure cookie back: PUBLIC_URL decides (market.stack.checks warns).
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONFIG.is_https
# Browsers accept a cookie with such a name only from this host over https, never from another host of the domain.
SESSION_COOKIE_NAME = "__Host-session" if CONFIG.is_https else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if CONFIG.is_https else "csrf"
SECURE_SSL_REDIRECT = CONFIG.is_https
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if CONFIG.is_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = CONFIG.is_https
SECURE_PROXY_SSL_HEADER = None  # uvicorn reads X-Forwarded-Proto, from FORWARDED_ALLOW_IPS only

# --- Files

STORAGES: dict[str, dict[str, Any]] = {
    "default": services.file_storage(CONFIG),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = CONFIG.media_root
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = DEBUG
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
# More than the desk takes at once, so that the page says how many it takes, instead of a bare 400.
DATA_UPLOAD_MAX_NUMBER_FILES = 300

# --- The API

# market.api.endpoint.Endpoint has what all endpoints have in common.
REST_FRAMEWORK: dict[str, Any] = {
    "EXCEPTION_HANDLER": "market.api.problems.answer",
    "DEFAULT_SCHEMA_CLASS": "market.api.schema.OfDocstrings",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Copyright Plug-in Market",
    "VERSION": "1",
    "DESCRIPTION": "All that the pages do for users, artists and model owners, for programs.",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "POSTPROCESSING_HOOKS": ["market.api.schema.finish"],
    "COMPONENT_SPLIT_PATCH": False,
}

# --- Mail

EMAIL_FROM = DEFAULT_FROM_EMAIL = SERVER_EMAIL = CONFIG.text("EMAIL_FROM")
for _name, _value in services.mail(CONFIG).items():
    globals()[_name] = _value

# --- Language and time

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- The market

DEVICE = CONFIG.text("DEVICE")
EMBEDDED_BASE_DIR = ROOT / "plugins_engine" / "embedded"
BASE_MODEL_DIRS = CONFIG.paths("BASE_MODEL_DIRS")
# A worker's own copies of base models that were uploaded.
BASE_COPIES_DIR = DATA_DIR / "bases"
# A worker's own copies of base models from a hub.
HUB_COPIES_DIR = DATA_DIR / "hub"
# And how far its long jobs are.
CHECKPOINTS_DIR = DATA_DIR / "checkpoints"
ALLOW_HUB = CONFIG.flag("ALLOW_HUB")
HUB_ORGANISATIONS = CONFIG.words("HUB_ORGANISATIONS")
HF_ENDPOINT = CONFIG.text("HF_ENDPOINT")
HF_TOKEN = CONFIG.text("HF_TOKEN")
PAYMENT_GATEWAYS = CONFIG.payment_gateways
STRIPE_SECRET_KEY = CONFIG.text("STRIPE_SECRET_KEY")
STRIPE_WEBHOOK_SECRET = CONFIG.text("STRIPE_WEBHOOK_SECRET")
STRIPE_API_URL = CONFIG.text("STRIPE_API_URL")

# --- Policy: deadlines, limits and fees, each beside its variables

UPLOADS = UploadLimits.read(CONFIG)
JOBS = JobDeadlines.read(CONFIG)
EXTRACTIONS = ExtractionLimits.read(CONFIG)
FEES = Fees.read(CONFIG)
PAYOUTS = PayoutRules.read(CONFIG)
API = ApiLimits.read(CONFIG)
CLAIMS = ClaimRules.read(CONFIG)
CARRYING = CarryingRules.read(CONFIG)
DISPUTES = DisputeRules.read(CONFIG)
TAKEDOWNS = TakedownRules.read(CONFIG)
TRADE = TradeRules.read(CONFIG)
DOMAINS = DomainRules.read(CONFIG)

# --- Logging

LOGGING = services.logging_settings(CONFIG)
