"""The configuration file to begin with, as `gpubot config example` prints it."""

from __future__ import annotations

EXAMPLE = """\
# gpubot's configuration. `gpubot check` says what is wrong with it, if anything.

[cluster]
name = "Vision Lab"
timezone = "Asia/Shanghai"     # the slot grid lies on this zone's wall clock
language = "en"                # language of channel posts; people are answered in their own
# ops_channel = "C0OPS"        # hears of nodes out of service, alerts, and servers that are down

[policy]                       # every key is optional; these are the defaults
slot = "2h"                    # 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h
horizon = "90d"                # how far ahead one can book
max_length = "7d"              # or by priority: { p0 = "2d", p1 = "7d", p2 = "7d" }
warning = "30m"                # how long ahead holders hear that urgent work takes their GPUs
extra_time = "10m"             # what a warned holder may add, once; "0m": nothing
notify = "both"                # both | channel | direct: where warnings and offers go
overrun = 0.10                 # share of its length that a running job may use after its end
offer_expires = "15m"          # how long an offer to the waitlist holds
no_show = "ask"                # ask | release | off: what happens to GPUs that nobody uses
no_show_after = "30m"          # how long after the start that happens
idle_after = "2h"              # how long measured GPUs may idle before one is asked again; "off"
digest = "09:00"               # when channels get their morning digest, in the zone above; or "off"
quiet_hours = "off"            # or "22:00-07:00": messages that can wait then do, for each reader
# host_paths = ["/mnt/data"]   # folders of the nodes that jobs may use

# [policy.user_quota]          # what one person may hold; what is left out has no bound
# gpu_hours_per_week = 400
# concurrent_gpus = 8
# open_bookings = 10

# [policy.team_quota]          # what one team may hold
# gpu_hours_per_week = 1500

[[nodes]]                      # one table for each server
name = "gpu-01"
gpus = 4
model = "V100"

[[nodes]]
name = "gpu-02"
gpus = 4
model = "V100"

[[teams]]                      # one table for each team
name = "vision"
channel = "C0VISION"           # in Slack: the channel's name → About → Channel ID
color = "#2563eb"
members = ["U0ALICE", "U0BOB"] # in Slack: a profile → ⋮ → Copy member ID
leads = ["U0ALICE"]
# usergroup = "S0VISION"       # and everybody in this user group of Slack
# ldap_group = "cn=vision,ou=groups,dc=lab,dc=example"        # and in this group of [ldap]
# ldap_leads_group = "cn=vision-leads,ou=groups,dc=lab,dc=example"

[roles]
admins = ["U0ADMIN"]
urgent = ["U0ALICE"]           # may book P0

# [[github]]                   # GPUs to book when a workflow has succeeded
# repository = "lab/yolo"
# workflow = "train.yml"       # its file, or its name
# team = "vision"
# user = "U0ALICE"             # in whose name and with whose rights
# gpus = 4
# length = "20h"
# within = "24h"               # the first start in so long; else it joins the waitlist
# job = "fine-tune"            # what it runs; without one nothing starts by itself
# parameters = { data = "/mnt/data/coco.yaml" }

[runner]
kind = "local"                 # what starts jobs: local, slurm, kubernetes, or off
# folder = "/var/lib/gpubot/runs"                             # state and logs of runs
# checkpoints = "/mnt/shared/checkpoints"                     # the same on every node
# secrets = "/etc/gpubot/secrets"                             # files called secret/key
# commands = "any"             # people may run commands of their own, not only templates
# users = { U0ALICE = "alice" }                               # accounts on the servers

# [[jobs]]                     # a template; yolo-train is there without one
# name = "fine-tune"
# image = "registry.lab.example/train:3"                      # for Kubernetes
# command = ["python", "train.py", "--data", "{data}", "--lr", "{lr}", "--out", "{checkpoints}"]
# resume = ["python", "train.py", "--resume", "{checkpoint}", "--out", "{checkpoints}"]
# required = ["data"]
# parameters = { lr = "0.01" }
# checkpoints = "{first}"      # a folder for each chain of bookings that go on with one work
# checkpoint = "{checkpoints}/last.pt"                        # resumes where this is there
# secrets = { WANDB_API_KEY = "wandb/api-key" }
# volumes = [{ host = "/mnt/data", mount = "/mnt/data", read_only = true }]

# [monitoring]                 # Prometheus over NVIDIA's DCGM exporter
# prometheus = "http://prometheus.example.org:9090"
# interval = "30s"             # how often the GPUs are looked at
# temperature = 88             # °C from which on owners and operators are told
# memory = 0.97                # share of the framebuffer
# idle_below = 5               # per cent of utilisation; below it a GPU idles …
# active_above = 10            # … and from here on it works
# unbooked_after = "10m"       # how long GPUs may work without a booking before it is told

# [ldap]                       # where teams' groups are kept; GPUBOT_LDAP_PASSWORD is its password
# url = "ldap://ldap.lab.example"                             # encrypted by StartTLS; or ldaps://
# ca_file = "/etc/ssl/lab-ca.pem"                             # who vouches for the server
# base = "dc=lab,dc=example"
# bind_dn = "cn=gpubot,ou=services,dc=lab,dc=example"
# admins_group = "cn=gpu-admins,ou=groups,dc=lab,dc=example"
# urgent_group = "cn=gpu-urgent,ou=groups,dc=lab,dc=example"  # may book P0
# refresh = "10m"
"""
