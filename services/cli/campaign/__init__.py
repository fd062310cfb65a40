"""`advent campaign …`: one file for each subcommand, imported only when it runs."""

from __future__ import annotations

from services.cli.lazy_group import LazyGroup

COMMANDS = {
    "list": ("services.cli.campaign.list_", "List the campaigns, and which of them are played."),
    "new": ("services.cli.campaign.new", "Create the directory of a campaign that passes all checks."),
    "fields": ("services.cli.campaign.fields", "Show the fields of a signup and the variables of letters."),
    "lint": ("services.cli.campaign.lint", "Find faults in a campaign that do not prevent sending it."),
    "plan": ("services.cli.campaign.plan", "Show what the files on disk would change, and for how many people."),
    "apply": ("services.cli.campaign.apply", "Put the files on disk in force, for all processes at once."),
    "rollback": ("services.cli.campaign.rollback", "Put the previous version in force again."),
    "send-test": ("services.cli.campaign.send_test", "Send the mails of a campaign to yourself, marked as a test."),
}

command = LazyGroup(COMMANDS, help="Write and check campaigns; docs/authoring.md is the guide.")
