"""Hostile and odd requests made from the API's own description."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis.checks import CHECKS, load_all_checks

from earmark.api.app import create_app
from earmark.pipeline.house import House
from earmark.pipeline.tokens import Tokens
from earmark.ports import AudioBinder, Matcher, TorrentClient
from earmark.settings import ServerSettings, Settings
from earmark.store import Database, Vault
