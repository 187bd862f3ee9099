"""Environment to constants. All reads of the environment are here; limits carry their unit in their name."""

from __future__ import annotations

import datetime
from pathlib import Path

from csp.constants import NONE, SELF
from environs import Env

from controlui.data_dir import data_dir_ready, secret_key_ready
from sessions_app.logs import configuration as log_configuration

env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = data_dir_ready(env.path("HOLDFAST_DATA_DIR", BASE_DIR / "var"))
VERSION = "0.1.0"

DEBUG = env.bool("HOLDFAST_DEBUG", default=False)
SECRET_KEY = env.str("HOLDFAST_SECRET_KEY", "") or secret_key_ready(DATA_DIR / "secret_key")
ALLOWED_HOSTS = env.list("HOLDFAST_ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("HOLDFAST_TRUSTED_ORIGINS", [])

# ---------------------------------------------------------------- Holdfast's own limits
MAX_FRAME_BYTES = env.int("HOLDFAST_MAX_FRAME_BYTES", 1024 * 1024)
MAX_IN_FLIGHT = env.int("HOLDFAST_MAX_IN_FLIGHT", 64)
# calls per account and method; "*" is every other method; HOLDFAST_RATE_LIMITS="*=6000/minute,chat.send=10/second"
RATE_LIMITS: dict[str, str] = env.dict(
    "HOLDFAST_RATE_LIMITS",
    {
        "chat.send": "100000/minute",
        "sessions.reset": "120/minute",
        "sessions.create": "600/minute",
        "checkpoints.create": "600/minute",
        "audit.verify": "60/minute",
        "*": "6000/minute",
    },
)
# reading another's transcript asks for a reason, once for each session and hour, which its owner sees
ASK_READING_REASON = env.bool("HOLDFAST_ASK_READING_REASON", default=True)
TICK_MS = env.int("HOLDFAST_TICK_MS", 30_000)
DRAIN_SECONDS = env.float("HOLDFAST_DRAIN_SECONDS", 20.0)
HOOK_DRAIN_SECONDS = env.float("HOLDFAST_HOOK_DRAIN_SECONDS", 5.0)
SEND_BUFFER_MAX_BYTES = env.int("HOLDFAST_SEND_BUFFER_MAX_BYTES", 256 * 1024)
SEND_STALL_MAX_SECONDS = env.float("HOLDFAST_SEND_STALL_MAX_SECONDS", 3.0)
READER_THREADS = env.int("HOLDFAST_READER_THREADS", 4)
POSTGRES_WRITER_THREADS = env.int("HOLDFAST_POSTGRES_WRITER_THREADS", 8)
RUNNER_ENABLED = env.bool("HOLDFAST_RUNNER", default=True)
RUNNER_MAX_RUNS = env.int("HOLDFAST_RUNNER_MAX_RUNS", 64)
RESCUE_UPLOAD_MAX_BYTES = env.int("HOLDFAST_RESCUE_UPLOAD_MAX_BYTES", 2147483648)
RESCUE_UNPACKED_MAX_BYTES = env.int("HOLDFAST_RESCUE_UNPACKED_MAX_BYTES", 17179869184)
RESCUE_UNPACKED_MAX_FILES = env.int("HOLDFAST_RESCUE_UNPACKED_MAX_FILES", 200000)
RESCUE_MEMORY_MAX_BYTES = env.int("HOLDFAST_RESCUE_MEMORY_MAX_BYTES", 1073741824)

# ---------------------------------------------------------------- Django
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "channels",
    "csp",
    "django_htmx",
    "sessions_app",
]
MIDDLEWARE = [
    "sessions_app.web.request_log.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "sessions_app.web.errors.HoldfastErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "controlui.urls"
ASGI_APPLICATION = "controlui.asgi.application"
AUTH_USER_MODEL = "sessions_app.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "signin"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "signin"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["sessions_app.web.tags"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "sessions_app.web.context.frame",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = False  # numbers in templates are mostly positions in URLs; `count` writes those for people
CHANNEL_LAYERS: dict[str, object] = {}  # the hub carries pokes and deltas (docs/architecture.md)

# ---------------------------------------------------------------- database
# Django closes a connection after each request (CONN_MAX_AGE 0): with a kept one, each request under ASGI would leak its own.
# The writer and the readers own theirs and keep them open by not being requests.
if env.str("DATABASE_URL", ""):
    DATABASES = {"default": env.dj_db_url("DATABASE_URL")}
else:
    DATABASES = {
        "default": {
            "ENGINE": "controlui.sqlite",  # Django's, with a finer wait for the lock
            "NAME": DATA_DIR / "holdfast.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=16384; "
                    "PRAGMA temp_store=MEMORY;"
                ),
            },
            # a second thread, the writer, needs a database on disk
            "TEST": {"NAME": DATA_DIR / "test.sqlite3"},
        }
    }

# ---------------------------------------------------------------- static files
STATIC_URL = "static/"
STATIC_ROOT = None  # nothing is collected: whitenoise serves the finders' files
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# ---------------------------------------------------------------- security
HTTPS_ONLY = env.bool("HOLDFAST_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS_ONLY
SESSION_COOKIE_NAME = "holdfast_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "holdfast_csrf"
CSRF_FAILURE_VIEW = "sessions_app.web.errors.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("HOLDFAST_BEHIND_PROXY", default=False) else None
)
SECURE_REDIRECT_EXEMPT = [r"^(livez|readyz)$"]  # asked from inside, behind the proxy
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# ---------------------------------------------------------------- wrong passwords
# Five for one name from one address, then a pause. A stranger elsewhere cannot lock a person out, and links always sign in.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = env.int("HOLDFAST_SIGN_IN_FAILURES", 5)
AXES_COOLOFF_TIME = datetime.timedelta(minutes=env.int("HOLDFAST_SIGN_IN_PAUSE_MINUTES", 15))
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who tries on meanwhile does not wait longer
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "sessions_app.web.account.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # the audit log says who signed in
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# lines for people, or with HOLDFAST_LOG_FORMAT=json one object a line
LOGGING = log_configuration(
    level=env.str("HOLDFAST_LOG_LEVEL", "WARNING").upper(), kind=env.str("HOLDFAST_LOG_FORMAT", "")
)
