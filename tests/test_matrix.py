"""Every address × method × six identities: who gets in, and how the others are turned away.

A route without a row fails, and says which row it would take. Before such a row is copied into the
table, read it: does each of the six see what it should? A stranger to the project gets 404 as if
nothing were there, a member whose role is too low 403, someone not signed in a way to sign in (302,
from scripts and the API 401).
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin import site as admin_site
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from annotation import services
from annotation.exports import jobs as export_jobs
from annotation.models import ImportBatch, Project
from annotation.services import tokens
from annotation.services.weeks import unsubscribe_token
from annotation.weekly.week import last_week
from tests.builders import make_annotation, make_item
from tests.training.builders import make_checkpoint
from training import services as training_services
from training.engine.rundir import RunDir

IDENTITIES = (
    "anonymous",
    "annotator here",
    "annotator elsewhere",
    "researcher here",
    "researcher elsewhere",
    "admin",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# Address, method, six statuses in the order of IDENTITIES. "else" stands for every method that the
# lines of an address don't name; "" is the home page.
TABLE = r"""
accounts/login/                                                PATCH  405 302 302 302 302 302
accounts/login/                                                DELETE 405 302 302 302 302 302
accounts/login/                                                else   200 302 302 302 302 302
accounts/logout/                                               GET    302 200 200 200 200 200
accounts/logout/                                               POST   302 302 302 302 302 302
accounts/logout/                                               else   405 405 405 405 405 405
accounts/inactive/                                             GET    200 200 200 200 200 200
accounts/inactive/                                             else   405 405 405 405 405 405
accounts/signup/                                               else   200 302 302 302 302 302
accounts/reauthenticate/                                       PATCH  302 405 405 405 405 405
accounts/reauthenticate/                                       DELETE 302 405 405 405 405 405
accounts/reauthenticate/                                       else   302 200 200 200 200 200
accounts/email/                                                GET    302 200 200 200 200 200
accounts/email/                                                PATCH  302 405 405 405 405 405
accounts/email/                                                DELETE 302 405 405 405 405 405
accounts/email/                                                else   302 302 302 302 302 302
accounts/confirm-email/                                        GET    200 200 200 200 200 200
accounts/confirm-email/                                        else   405 405 405 405 405 405
accounts/password/change/                                      PATCH  302 405 405 405 405 405
accounts/password/change/                                      DELETE 302 405 405 405 405 405
accounts/password/change/                                      else   302 200 200 200 200 200
accounts/password/set/                                         else   302 302 302 302 302 302
accounts/password/reset/                                       PATCH  405 405 405 405 405 405
accounts/password/reset/                                       DELETE 405 405 405 405 405 405
accounts/password/reset/                                       else   200 200 200 200 200 200
accounts/login/code/confirm/                                   else   302 302 302 302 302 302
accounts/^confirm-email/(?P<key>[-:\w]+)/$                     GET    200 200 200 200 200 200
accounts/^confirm-email/(?P<key>[-:\w]+)/$                     POST   404 404 404 404 404 404
accounts/^confirm-email/(?P<key>[-:\w]+)/$                     else   405 405 405 405 405 405
accounts/password/reset/key/done/                              GET    200 200 200 200 200 200
accounts/password/reset/key/done/                              else   405 405 405 405 405 405
accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$ else   200 200 200 200 200 200
accounts/password/reset/done/                                  GET    200 200 200 200 200 200
accounts/password/reset/done/                                  else   405 405 405 405 405 405
accounts/2fa/                                                  else   302 302 302 302 302 302
accounts/2fa/authenticate/                                     else   302 302 302 302 302 302
accounts/2fa/reauthenticate/                                   else   302 302 302 302 302 302
accounts/2fa/totp/activate/                                    else   302 302 302 302 302 302
accounts/2fa/totp/deactivate/                                  else   302 404 404 404 404 404
accounts/2fa/recovery-codes/                                   GET    302 404 404 404 404 404
accounts/2fa/recovery-codes/                                   else   302 405 405 405 405 405
accounts/2fa/recovery-codes/generate/                          else   302 302 302 302 302 302
accounts/2fa/recovery-codes/download/                          else   302 404 404 404 404 404
accounts/3rdparty/login/cancelled/                             GET    200 200 200 200 200 200
accounts/3rdparty/login/cancelled/                             else   405 405 405 405 405 405
accounts/3rdparty/login/error/                                 GET    401 401 401 401 401 401
accounts/3rdparty/login/error/                                 else   405 405 405 405 405 405
accounts/3rdparty/signup/                                      else   302 302 302 302 302 302
accounts/3rdparty/                                             PATCH  302 405 405 405 405 405
accounts/3rdparty/                                             DELETE 302 405 405 405 405 405
accounts/3rdparty/                                             else   302 200 200 200 200 200
accounts/oidc/^(?P<provider_id>[^/]+)/login/                   else   404 404 404 404 404 404
accounts/oidc/^(?P<provider_id>[^/]+)/login/callback/          else   404 404 404 404 404 404
healthz                                                        GET    200 200 200 200 200 200
healthz                                                        else   405 405 405 405 405 405
api/v1/token/                                                  GET    401 200 200 200 200 200
api/v1/token/                                                  POST   400 201 201 201 201 201
api/v1/token/                                                  else   405 405 405 405 405 405
api/v1/token/<str:key>/                                        DELETE 401 404 404 204 404 404
api/v1/token/<str:key>/                                        else   401 405 405 405 405 405
api/v1/projects/                                               GET    401 200 200 200 200 200
api/v1/projects/                                               else   401 405 405 405 405 405
api/v1/projects/<slug:slug>/prompts/                           GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/prompts/                           POST   401 403 404 400 404 400
api/v1/projects/<slug:slug>/prompts/                           else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/items/                             GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/items/                             POST   401 403 404 400 404 400
api/v1/projects/<slug:slug>/items/                             else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/logs/                              POST   401 403 404 400 404 400
api/v1/projects/<slug:slug>/logs/                              else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/items/<int:pk>/verdicts/           GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/items/<int:pk>/verdicts/           POST   401 403 404 400 404 400
api/v1/projects/<slug:slug>/items/<int:pk>/verdicts/           else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/disagreements/                     GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/disagreements/                     else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/annotations/                       GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/annotations/                       else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/exports/                           GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/exports/                           POST   401 403 404 400 404 400
api/v1/projects/<slug:slug>/exports/                           else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/exports/<int:pk>/                  GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/exports/<int:pk>/                  DELETE 401 403 404 204 404 204
api/v1/projects/<slug:slug>/exports/<int:pk>/                  else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/exports/<int:pk>/download/         GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/exports/<int:pk>/download/         else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/next/                              POST   401 200 404 204 404 204
api/v1/projects/<slug:slug>/next/                              else   401 405 404 405 404 405
api/v1/projects/<slug:slug>/guideline/                         GET    401 200 404 200 404 200
api/v1/projects/<slug:slug>/guideline/                         POST   401 400 404 400 404 400
api/v1/projects/<slug:slug>/guideline/                         else   401 405 404 405 404 405
api/v1/assignments/<uuid:key>/feedback/                        POST   401 409 404 404 404 404
api/v1/assignments/<uuid:key>/feedback/                        else   401 405 405 405 405 405
api/v1/assignments/<uuid:key>/submit/                          POST   401 400 404 404 404 404
api/v1/assignments/<uuid:key>/submit/                          else   401 405 405 405 405 405
api/v1/projects/<slug:slug>/checkpoints/                       GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/checkpoints/                       else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/runs/                              GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/runs/                              POST   401 403 404 400 404 400
api/v1/projects/<slug:slug>/runs/                              else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/runs/<int:pk>/                     GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/runs/<int:pk>/                     else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/runs/<int:pk>/cancel/              POST   401 403 404 202 404 202
api/v1/projects/<slug:slug>/runs/<int:pk>/cancel/              else   401 403 404 405 404 405
api/v1/projects/<slug:slug>/runs/<int:pk>/metrics/             GET    401 403 404 200 404 200
api/v1/projects/<slug:slug>/runs/<int:pk>/metrics/             else   401 403 404 405 404 405
api/schema/                                                    GET    200 200 200 200 200 200
api/schema/                                                    else   405 405 405 405 405 405
""                                                             GET    302 200 200 200 200 200
""                                                             else   302 405 405 405 405 405
account/                                                       GET    302 200 200 200 200 200
account/                                                       else   302 405 405 405 405 405
account/tokens/                                                POST   302 422 422 422 422 422
account/tokens/                                                else   302 405 405 405 405 405
account/tokens/<str:key>/revoke/                               POST   302 404 404 302 404 404
account/tokens/<str:key>/revoke/                               else   302 405 405 405 405 405
account/mail/                                                  POST   302 302 302 302 302 302
account/mail/                                                  else   302 405 405 405 405 405
mail/stop/<str:token>/                                         GET    200 200 200 200 200 200
mail/stop/<str:token>/                                         POST   200 200 200 200 200 200
mail/stop/<str:token>/                                         else   405 405 405 405 405 405
account/sign_out/                                              POST   302 302 302 302 302 302
account/sign_out/                                              else   302 405 405 405 405 405
projects/new/                                                  GET    302 403 403 200 200 200
projects/new/                                                  POST   302 403 403 200 200 200
projects/new/                                                  else   302 405 405 405 405 405
projects/<slug:slug>/                                          GET    302 200 404 200 404 200
projects/<slug:slug>/                                          else   302 405 405 405 405 405
projects/<slug:slug>/annotate/                                 GET    302 200 404 200 404 200
projects/<slug:slug>/annotate/                                 else   302 405 405 405 405 405
projects/<slug:slug>/next/                                     POST   401 200 404 204 404 204
projects/<slug:slug>/next/                                     else   405 405 405 405 405 405
projects/<slug:slug>/undo/                                     POST   401 204 404 204 404 204
projects/<slug:slug>/undo/                                     else   405 405 405 405 405 405
projects/<slug:slug>/guidelines/                               GET    302 200 404 200 404 200
projects/<slug:slug>/guidelines/                               POST   302 403 404 403 404 200
projects/<slug:slug>/guidelines/                               else   302 405 405 405 405 405
projects/<slug:slug>/categories/                               GET    302 200 404 200 404 200
projects/<slug:slug>/categories/                               POST   302 302 404 302 404 302
projects/<slug:slug>/categories/                               else   302 405 405 405 405 405
projects/<slug:slug>/members/                                  GET    302 403 404 403 404 200
projects/<slug:slug>/members/                                  POST   302 403 404 403 404 200
projects/<slug:slug>/members/                                  else   302 405 405 405 405 405
projects/<slug:slug>/invitations/                              POST   302 403 404 403 404 422
projects/<slug:slug>/invitations/                              else   302 405 405 405 405 405
projects/<slug:slug>/invitations/<int:pk>/revoke/              POST   302 403 404 403 404 302
projects/<slug:slug>/invitations/<int:pk>/revoke/              else   302 405 405 405 405 405
join/<str:secret>/                                             GET    200 200 200 200 200 200
join/<str:secret>/                                             POST   200 302 302 302 302 302
join/<str:secret>/                                             else   405 405 405 405 405 405
projects/<slug:slug>/members/<int:pk>/                         POST   302 403 404 403 404 302
projects/<slug:slug>/members/<int:pk>/                         else   302 405 405 405 405 405
projects/<slug:slug>/settings/                                 GET    302 403 404 403 404 200
projects/<slug:slug>/settings/                                 POST   302 403 404 403 404 200
projects/<slug:slug>/settings/                                 else   302 405 405 405 405 405
assignments/<uuid:key>/submit/                                 POST   401 422 404 404 404 404
assignments/<uuid:key>/submit/                                 else   405 405 405 405 405 405
assignments/<uuid:key>/skip/                                   POST   401 422 404 404 404 404
assignments/<uuid:key>/skip/                                   else   405 405 405 405 405 405
assignments/<uuid:key>/flag/                                   POST   401 422 404 404 404 404
assignments/<uuid:key>/flag/                                   else   405 405 405 405 405 405
assignments/<uuid:key>/draft/                                  POST   401 422 404 404 404 404
assignments/<uuid:key>/draft/                                  else   405 405 405 405 405 405
assignments/<uuid:key>/heartbeat/                              POST   401 422 404 404 404 404
assignments/<uuid:key>/heartbeat/                              else   405 405 405 405 405 405
assignments/<uuid:key>/opt-out/                                POST   401 409 404 404 404 404
assignments/<uuid:key>/opt-out/                                else   405 405 405 405 405 405
assignments/<uuid:key>/diff/                                   POST   401 200 404 404 404 404
assignments/<uuid:key>/diff/                                   else   405 405 405 405 405 405
assignments/<uuid:key>/preview/                                POST   401 200 404 404 404 404
assignments/<uuid:key>/preview/                                else   405 405 405 405 405 405
projects/<slug:slug>/acknowledge/                              POST   401 422 404 422 404 422
projects/<slug:slug>/acknowledge/                              else   405 405 405 405 405 405
projects/<slug:slug>/write_back/                               POST   401 422 404 422 404 422
projects/<slug:slug>/write_back/                               else   405 405 405 405 405 405
assignments/<uuid:key>/reveal/                                 POST   401 409 404 404 404 404
assignments/<uuid:key>/reveal/                                 else   405 405 405 405 405 405
projects/<slug:slug>/me/                                       GET    302 200 404 200 404 200
projects/<slug:slug>/me/                                       else   302 405 405 405 405 405
projects/<slug:slug>/week/                                     GET    302 200 404 200 404 200
projects/<slug:slug>/week/                                     else   302 405 405 405 405 405
projects/<slug:slug>/week/<str:monday>/                        GET    302 200 404 200 404 200
projects/<slug:slug>/week/<str:monday>/                        else   302 405 405 405 405 405
projects/<slug:slug>/week/<str:monday>/dismiss/                POST   302 302 404 302 404 302
projects/<slug:slug>/week/<str:monday>/dismiss/                else   302 405 405 405 405 405
projects/<slug:slug>/week/<str:monday>/write/                  POST   302 302 404 302 404 302
projects/<slug:slug>/week/<str:monday>/write/                  else   302 405 405 405 405 405
projects/<slug:slug>/people/<int:pk>/                          GET    302 403 404 403 404 200
projects/<slug:slug>/people/<int:pk>/                          POST   302 403 404 403 404 200
projects/<slug:slug>/people/<int:pk>/                          else   302 405 405 405 405 405
projects/<slug:slug>/gold/                                     GET    302 403 404 200 404 200
projects/<slug:slug>/gold/                                     POST   302 403 404 200 404 200
projects/<slug:slug>/gold/                                     else   302 405 405 405 405 405
projects/<slug:slug>/gold/new/<int:pk>/                        GET    302 403 404 200 404 200
projects/<slug:slug>/gold/new/<int:pk>/                        else   302 405 405 405 405 405
projects/<slug:slug>/gold/make/<int:pk>/                       POST   401 403 404 422 404 422
projects/<slug:slug>/gold/make/<int:pk>/                       else   405 405 405 405 405 405
projects/<slug:slug>/gold/<int:pk>/retire/                     POST   302 403 404 302 404 302
projects/<slug:slug>/gold/<int:pk>/retire/                     else   302 405 405 405 405 405
projects/<slug:slug>/review/                                   GET    302 403 404 200 404 200
projects/<slug:slug>/review/                                   else   302 405 405 405 405 405
projects/<slug:slug>/review/<int:pk>/                          GET    302 403 404 200 404 200
projects/<slug:slug>/review/<int:pk>/                          else   302 405 405 405 405 405
projects/<slug:slug>/review/<int:pk>/diff/                     POST   401 403 404 200 404 200
projects/<slug:slug>/review/<int:pk>/diff/                     else   405 405 405 405 405 405
projects/<slug:slug>/review/<int:pk>/verdict/                  POST   401 403 404 422 404 422
projects/<slug:slug>/review/<int:pk>/verdict/                  else   405 405 405 405 405 405
projects/<slug:slug>/review/<int:pk>/comment/<uuid:key>/       POST   302 403 404 302 404 302
projects/<slug:slug>/review/<int:pk>/comment/<uuid:key>/       else   302 405 405 405 405 405
projects/<slug:slug>/review/<int:pk>/gold/                     POST   302 403 404 302 404 302
projects/<slug:slug>/review/<int:pk>/gold/                     else   302 405 405 405 405 405
projects/<slug:slug>/review/gold/                              GET    302 403 404 200 404 200
projects/<slug:slug>/review/gold/                              else   302 405 405 405 405 405
projects/<slug:slug>/review/gold/<int:pk>/retire/              POST   302 403 404 302 404 302
projects/<slug:slug>/review/gold/<int:pk>/retire/              else   302 405 405 405 405 405
assignments/<uuid:key>/reply/                                  POST   302 302 404 404 404 404
assignments/<uuid:key>/reply/                                  else   302 405 405 405 405 405
projects/<slug:slug>/workload/                                 GET    302 403 404 403 404 200
projects/<slug:slug>/workload/                                 POST   302 403 404 403 404 200
projects/<slug:slug>/workload/                                 else   302 405 405 405 405 405
projects/<slug:slug>/people/<int:pk>/limits/                   POST   302 403 404 403 404 302
projects/<slug:slug>/people/<int:pk>/limits/                   else   302 405 405 405 405 405
projects/<slug:slug>/batches/                                  GET    302 403 404 200 404 200
projects/<slug:slug>/batches/                                  POST   302 403 404 200 404 200
projects/<slug:slug>/batches/                                  else   302 405 405 405 405 405
projects/<slug:slug>/batches/<int:pk>/                         GET    302 403 404 200 404 200
projects/<slug:slug>/batches/<int:pk>/                         POST   302 403 404 422 404 422
projects/<slug:slug>/batches/<int:pk>/                         else   302 405 405 405 405 405
projects/<slug:slug>/batches/<int:pk>/act/                     POST   302 403 404 302 404 302
projects/<slug:slug>/batches/<int:pk>/act/                     else   302 405 405 405 405 405
projects/<slug:slug>/browse/                                   GET    302 403 404 200 404 200
projects/<slug:slug>/browse/                                   else   302 405 405 405 405 405
projects/<slug:slug>/browse/bulk/                              POST   302 403 404 302 404 302
projects/<slug:slug>/browse/bulk/                              else   302 405 405 405 405 405
projects/<slug:slug>/browse/<int:pk>/                          GET    302 403 404 200 404 200
projects/<slug:slug>/browse/<int:pk>/                          else   302 405 405 405 405 405
projects/<slug:slug>/imports/                                  GET    302 403 404 200 404 200
projects/<slug:slug>/imports/                                  POST   302 403 404 422 404 422
projects/<slug:slug>/imports/                                  else   302 405 405 405 405 405
projects/<slug:slug>/imports/<int:pk>/                         GET    302 403 404 200 404 200
projects/<slug:slug>/imports/<int:pk>/                         else   302 405 405 405 405 405
projects/<slug:slug>/prompts/                                  GET    302 403 404 200 404 200
projects/<slug:slug>/prompts/                                  POST   302 403 404 422 404 422
projects/<slug:slug>/prompts/                                  else   302 405 405 405 405 405
projects/<slug:slug>/logs/                                     GET    302 403 404 200 404 200
projects/<slug:slug>/logs/                                     POST   302 403 404 403 404 422
projects/<slug:slug>/logs/                                     else   302 405 405 405 405 405
projects/<slug:slug>/logs/preview/                             POST   302 403 404 422 404 422
projects/<slug:slug>/logs/preview/                             else   302 405 405 405 405 405
projects/<slug:slug>/coverage/                                 GET    302 403 404 200 404 200
projects/<slug:slug>/coverage/                                 POST   302 403 404 302 404 302
projects/<slug:slug>/coverage/                                 else   302 405 405 405 405 405
projects/<slug:slug>/coverage/<slug:table>.csv                 GET    302 403 404 200 404 200
projects/<slug:slug>/coverage/<slug:table>.csv                 else   302 405 405 405 405 405
projects/<slug:slug>/agreement/                                GET    302 403 404 200 404 200
projects/<slug:slug>/agreement/                                else   302 405 405 405 405 405
projects/<slug:slug>/leaderboard/                              GET    302 403 404 200 404 200
projects/<slug:slug>/leaderboard/                              else   302 405 405 405 405 405
projects/<slug:slug>/leaderboard.csv                           GET    302 403 404 200 404 200
projects/<slug:slug>/leaderboard.csv                           else   302 405 405 405 405 405
projects/<slug:slug>/annotators/                               GET    302 403 404 200 404 200
projects/<slug:slug>/annotators/                               else   302 405 405 405 405 405
projects/<slug:slug>/annotators.csv                            GET    302 403 404 200 404 200
projects/<slug:slug>/annotators.csv                            else   302 405 405 405 405 405
projects/<slug:slug>/annotators/<int:pk>/                      GET    302 403 404 200 404 200
projects/<slug:slug>/annotators/<int:pk>/                      POST   302 403 404 403 404 422
projects/<slug:slug>/annotators/<int:pk>/                      else   302 405 405 405 405 405
projects/<slug:slug>/bias/                                     GET    302 403 404 200 404 200
projects/<slug:slug>/bias/                                     else   302 405 405 405 405 405
projects/<slug:slug>/bias/<slug:table>.csv                     GET    302 403 404 200 404 200
projects/<slug:slug>/bias/<slug:table>.csv                     else   302 405 405 405 405 405
projects/<slug:slug>/agreement/<slug:table>.csv                GET    302 403 404 200 404 200
projects/<slug:slug>/agreement/<slug:table>.csv                else   302 405 405 405 405 405
projects/<slug:slug>/exports/                                  GET    302 403 404 200 404 200
projects/<slug:slug>/exports/                                  POST   302 403 404 422 404 422
projects/<slug:slug>/exports/                                  else   302 405 405 405 405 405
projects/<slug:slug>/exports/<int:pk>/download/                GET    302 403 404 200 404 200
projects/<slug:slug>/exports/<int:pk>/download/                else   302 405 405 405 405 405
projects/<slug:slug>/exports/<int:pk>/delete/                  POST   302 403 404 302 404 302
projects/<slug:slug>/exports/<int:pk>/delete/                  else   302 405 405 405 405 405
projects/<slug:slug>/items/build/                              GET    302 403 404 200 404 200
projects/<slug:slug>/items/build/                              POST   302 403 404 422 404 422
projects/<slug:slug>/items/build/                              else   302 405 405 405 405 405
projects/<slug:slug>/chat/                                     GET    302 302 404 200 404 200
projects/<slug:slug>/chat/                                     POST   302 302 404 409 404 409
projects/<slug:slug>/chat/                                     else   302 405 405 405 405 405
projects/<slug:slug>/chat/<uuid:key>/                          GET    302 200 404 404 404 404
projects/<slug:slug>/chat/<uuid:key>/                          else   302 405 405 405 405 405
projects/<slug:slug>/chat/<uuid:key>/thread/                   GET    401 200 404 404 404 404
projects/<slug:slug>/chat/<uuid:key>/thread/                   else   405 405 405 405 405 405
projects/<slug:slug>/chat/<uuid:key>/send/                     POST   401 422 404 404 404 404
projects/<slug:slug>/chat/<uuid:key>/send/                     else   405 405 405 405 405 405
projects/<slug:slug>/chat/<uuid:key>/retry/                    POST   401 409 404 404 404 404
projects/<slug:slug>/chat/<uuid:key>/retry/                    else   405 405 405 405 405 405
projects/<slug:slug>/chat/<uuid:key>/choose/                   POST   401 404 404 404 404 404
projects/<slug:slug>/chat/<uuid:key>/choose/                   else   405 405 405 405 405 405
projects/<slug:slug>/chat/<uuid:key>/draft/                    POST   401 422 404 404 404 404
projects/<slug:slug>/chat/<uuid:key>/draft/                    else   405 405 405 405 405 405
projects/<slug:slug>/endpoints/                                GET    302 403 404 403 404 200
projects/<slug:slug>/endpoints/                                POST   302 403 404 403 404 200
projects/<slug:slug>/endpoints/                                else   302 405 405 405 405 405
projects/<slug:slug>/endpoints/<int:pk>/                       GET    302 403 404 403 404 200
projects/<slug:slug>/endpoints/<int:pk>/                       POST   302 403 404 403 404 200
projects/<slug:slug>/endpoints/<int:pk>/                       else   302 405 405 405 405 405
projects/<slug:slug>/runs/                                     GET    302 403 404 200 404 200
projects/<slug:slug>/runs/                                     else   405 405 405 405 405 405
projects/<slug:slug>/runs/compare/                             GET    302 403 404 200 404 200
projects/<slug:slug>/runs/compare/                             else   405 405 405 405 405 405
projects/<slug:slug>/runs/compare/metrics/                     GET    302 403 404 200 404 200
projects/<slug:slug>/runs/compare/metrics/                     else   405 405 405 405 405 405
projects/<slug:slug>/runs/new/<slug:algorithm>/                GET    302 403 404 200 404 200
projects/<slug:slug>/runs/new/<slug:algorithm>/                POST   302 403 404 200 404 200
projects/<slug:slug>/runs/new/<slug:algorithm>/                else   405 405 405 405 405 405
projects/<slug:slug>/runs/<int:pk>/                            GET    302 403 404 200 404 200
projects/<slug:slug>/runs/<int:pk>/                            else   405 405 405 405 405 405
projects/<slug:slug>/runs/<int:pk>/live/                       GET    302 403 404 200 404 200
projects/<slug:slug>/runs/<int:pk>/live/                       else   405 405 405 405 405 405
projects/<slug:slug>/runs/<int:pk>/metrics/                    GET    302 403 404 200 404 200
projects/<slug:slug>/runs/<int:pk>/metrics/                    else   405 405 405 405 405 405
projects/<slug:slug>/runs/<int:pk>/log/                        GET    302 403 404 200 404 200
projects/<slug:slug>/runs/<int:pk>/log/                        else   405 405 405 405 405 405
projects/<slug:slug>/runs/<int:pk>/cancel/                     POST   302 403 404 302 404 302
projects/<slug:slug>/runs/<int:pk>/cancel/                     else   405 405 405 405 405 405
projects/<slug:slug>/runs/<int:pk>/resume/                     POST   302 403 404 302 404 302
projects/<slug:slug>/runs/<int:pk>/resume/                     else   405 405 405 405 405 405
projects/<slug:slug>/checkpoints/                              GET    302 403 404 200 404 200
projects/<slug:slug>/checkpoints/                              POST   302 403 404 200 404 200
projects/<slug:slug>/checkpoints/                              else   405 405 405 405 405 405
projects/<slug:slug>/checkpoints/live/                         GET    302 403 404 200 404 200
projects/<slug:slug>/checkpoints/live/                         else   405 405 405 405 405 405
projects/<slug:slug>/checkpoints/<slug:checkpoint>/fetch/      POST   302 403 404 302 404 302
projects/<slug:slug>/checkpoints/<slug:checkpoint>/fetch/      else   405 405 405 405 405 405
projects/<slug:slug>/checkpoints/<slug:checkpoint>/download/   GET    302 403 404 200 404 200
projects/<slug:slug>/checkpoints/<slug:checkpoint>/download/   else   405 405 405 405 405 405
projects/<slug:slug>/snapshots/                                GET    302 403 404 200 404 200
projects/<slug:slug>/snapshots/                                POST   302 403 404 302 404 302
projects/<slug:slug>/snapshots/                                else   405 405 405 405 405 405
projects/<slug:slug>/annotators/<int:pk>/runs/                 GET    302 403 404 200 404 200
projects/<slug:slug>/annotators/<int:pk>/runs/                 else   302 405 405 405 405 405
projects/<slug:slug>/results/                                  GET    302 403 404 200 404 200
projects/<slug:slug>/results/                                  else   405 405 405 405 405 405
"""


def read_table(table: str) -> dict[str, dict[str, str]]:
    """{route: {method: statuses}}"""
    rows: dict[str, dict[str, str]] = {}
    for line in table.split("\n"):
        if line:
            route, method, *statuses = line.split()
            assert len(statuses) == len(IDENTITIES), line
            rows.setdefault(route.strip('"'), {})[method] = " ".join(statuses)
    return rows


MATRIX = read_table(TABLE)


def routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    """Every address as it is written in the urls modules."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


ROUTES = list(routes(get_resolver().url_patterns))
ADMIN_ROUTES = [route for route in ROUTES if route.startswith("admin/")]
OPEN_ROUTES = [route for route in ROUTES if route not in ADMIN_ROUTES]


class World:
    """A project here with one of everything, a project elsewhere, and the six who come along."""

    def __init__(self, here: Project, people: dict[str, User], folder: Path) -> None:
        self.clients = {name: Client() for name in IDENTITIES}
        for name, user in people.items():
            self.clients[name].force_login(user)
        member = people["annotator here"]
        researcher = people["researcher here"]
        item = make_item(here, ["one", "two"])
        said = make_annotation(item)
        make_item(here, ["three", "four"])
        turn = services.claim_next(here, member)
        assert turn is not None
        gold = services.make_gold(
            make_item(here, ["five", "six"]),
            kind="hidden",
            answer={"strength": 1, "both_bad": False},
            reason="Five comes first.",
        )
        conversation = services.start_conversation(here, member)
        endpoint = services.add_endpoint(here, label="one", address="http://h/v1", model="m")
        together = services.add_batch(here, "pilot")
        batch = ImportBatch.objects.create(
            project=here, kind="prompts", format="prompts", file_name="prompts.jsonl"
        )
        export = export_jobs.add_export(here, "raw", user=researcher)
        export_jobs.carry_out(export.pk)
        checkpoint = make_checkpoint("model", project=here)
        run = training_services.create_run(here, "sample", {}, checkpoint, user=researcher)
        log = RunDir(run.folder).output_path
        log.parent.mkdir(parents=True)
        log.touch()
        token, _ = tokens.add_token(researcher)
        admin = people["admin"]
        invitation, secret = services.create_invitation(here, by=admin)
        self.places: dict[str, Any] = {
            "invitations/<int:pk>": f"invitations/{invitation.pk}",
            "<str:secret>": secret,
            "<str:monday>": last_week().monday,
            "<str:token>": unsubscribe_token(member),
            "<slug:slug>": here.slug,
            "chat/<uuid:key>": f"chat/{conversation.key}",
            "comment/<uuid:key>": f"comment/{said.assignment.key}",
            "endpoints/<int:pk>": f"endpoints/{endpoint.pk}",
            "batches/<int:pk>": f"batches/{together.pk}",
            "<uuid:key>": turn.key,
            "<slug:algorithm>": "dpo",
            "bias/<slug:table>": "bias/speed",
            "<slug:table>": "categories",
            "<slug:checkpoint>": checkpoint.slug,
            "<str:key>": token.token_key,
            "members/<int:pk>": f"members/{member.pk}",
            "people/<int:pk>": f"people/{member.pk}",
            "annotators/<int:pk>": f"annotators/{said.assignment.annotator_id}",
            "gold/new/<int:pk>": f"gold/new/{item.pk}",
            "gold/make/<int:pk>": f"gold/make/{item.pk}",
            "gold/<int:pk>": f"gold/{gold.pk}",
            "items/<int:pk>": f"items/{item.pk}",
            "browse/<int:pk>": f"browse/{item.pk}",
            "review/<int:pk>": f"review/{item.pk}",
            "imports/<int:pk>": f"imports/{batch.pk}",
            "exports/<int:pk>": f"exports/{export.pk}",
            "runs/<int:pk>": f"runs/{run.pk}",
            r"^(?P<provider_id>[^/]+)": "sso",  # nobody set it up
            r"^confirm-email/(?P<key>[-:\w]+)/$": "confirm-email/nothing/",
            r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": (
                "password/reset/key/1-nothing/"
            ),
        }

    def address(self, route: str) -> str:
        for written, filled in self.places.items():
            route = route.replace(written, str(filled))
        assert "<" not in route, f"World.places does not say what to put into {route}"
        return f"/{route}"

    def status(self, name: str, method: str, address: str) -> int:
        """What the one gets to hear; whatever the request changes is taken back."""
        client = self.clients[name]
        cookies = deepcopy(client.cookies)  # a request may sign out
        body = {"content_type": "application/json"} if address.startswith("/api/") else {}
        with transaction.atomic():
            reply = getattr(client, method.lower())(address, **body)
            transaction.set_rollback(True)
        client.cookies = cookies
        return int(reply.status_code)

    def answers(self, route: str) -> dict[str, str]:
        """The row of the route as it is."""
        address, row = self.address(route), {}
        for method in METHODS:
            cache.clear()  # the limits on tries are tested elsewhere
            row[method] = " ".join(str(self.status(n, method, address)) for n in IDENTITIES)
        return shortened(row)


def shortened(row: dict[str, str]) -> dict[str, str]:
    """PUT says what "else" is; methods that answer the same are not named."""
    rest = row["PUT"]
    return {method: said for method, said in row.items() if said != rest} | {"else": rest}


@pytest.fixture
def world(
    project: Project,
    annotator: User,
    annotator_elsewhere: User,
    researcher: User,
    researcher_elsewhere: User,
    admin: User,
    settings: Settings,
    tmp_path: Path,
) -> World:
    for name in ("RUNS_DIR", "SNAPSHOTS_DIR", "MODELS_DIR", "EXPORTS_DIR"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        setattr(settings, name, folder)
    people = (annotator, annotator_elsewhere, researcher, researcher_elsewhere, admin)
    return World(project, dict(zip(IDENTITIES[1:], people, strict=True)), tmp_path)


@pytest.mark.django_db
@pytest.mark.parametrize("route", OPEN_ROUTES)
def test_who_gets_in(route: str, world: World) -> None:
    found = world.answers(route)
    shown = route or '""'
    rows = "\n".join(f"{shown:<62} {method:<6} {said}" for method, said in found.items())
    assert route in MATRIX, f"this route has no row; read these, then add them:\n{rows}"
    assert found == MATRIX[route], f"it answers otherwise than its rows say:\n{rows}"


def test_every_row_has_its_route() -> None:
    assert set(MATRIX) <= set(OPEN_ROUTES)


def admin_address(route: str) -> str:
    """An admin route about the first row of its table, which belongs to the project here."""
    found = re.match(r"admin/(\w+)/(\w+)/", route)
    if found and (table := TABLES_BY_NAME.get(found.groups())):
        row = table._default_manager.order_by("pk").first()
        route = route.replace("<path:object_id>", str(row.pk) if row else "1")
    for place in ("<id>", "<path:content_type_id>", "<path:object_id>"):
        route = route.replace(place, "1")
    route = re.sub(r"\^\(\?P<app_label>.*\)/\$", "annotation/", route)
    return "/" + re.sub(r"\(\?P<url>.*", "nothing-here", route)


def admin_answers(name: str, address: str) -> set[int]:
    """What the summarised rule allows: no staff, no entry; no row of another's project."""
    if name in ("anonymous", "annotator here", "annotator elsewhere"):
        return {302, 403, 405}
    about_a_row = re.search(r"/(change|delete|history)/$", address)
    if name == "researcher elsewhere" and about_a_row:
        return {302, 403, 404, 405}
    return {200, 302, 400, 403, 404, 405}


TABLES_BY_NAME: dict[Any, Any] = {
    (model._meta.app_label, model._meta.model_name): model for model in admin_site._registry
}


@pytest.mark.django_db
def test_the_admin_is_for_staff_and_their_own_projects(world: World) -> None:
    wrong = []
    for address in sorted({admin_address(route) for route in ADMIN_ROUTES}):
        assert "<" not in address, f"{address} has a place that is not filled"
        for method in METHODS:
            for name in IDENTITIES:
                status = world.status(name, method, address)
                if status not in admin_answers(name, address):
                    wrong.append(f"{method} {address} as {name}: {status}")
    assert not wrong, "\n".join(wrong)
