//! What the files do not tell, in words and with the place.

use bailiwick_iam::arn::AccountId;

use super::{
    super::{Loader, Pages},
    AGENT_SERVICES,
};
use crate::{organization::Organization, source::MORE_PRINCIPALS};

/// So many accounts without principals are told one by one.
const UNREAD_ACCOUNTS_NAMED: usize = 10;

impl Loader {
    pub(super) fn tell_what_is_missing(&mut self) {
        if self.estate.organization.is_none() && !self.estate.accounts.is_empty() {
            self.tell(
                "organisation",
                "no organization.json was given: which SCPs and RCPs bind these accounts is unknown",
            );
        }
        let pages = std::mem::take(&mut self.pages);
        for (account, pages) in &pages {
            self.tell_of_pages(*account, pages);
        }
        self.tell_of_accounts();
        self.tell_of_calls();
    }

    fn tell_of_accounts(&mut self) {
        let organization = self.estate.organization.as_ref();
        let mut told = Vec::new();
        let mut unread = Vec::new();
        for account in self.estate.accounts.values() {
            let id = account.id;
            let of = |what: &str| format!("{what} of account {id}");
            if !account.principals_given {
                unread.push(id);
                continue;
            }
            let is_member =
                |it: &Organization| it.management_account == id || self.members.contains(&id);
            if organization.is_some_and(|it| !is_member(it)) {
                let why = "organization.json does not list it: which SCPs bind it is unknown";
                told.push((of("ceilings"), why));
            }
            if !account.extra_given {
                let why = "no iam-extra.json of it was given: they are unknown";
                told.push((of("session durations, access keys and API keys"), why));
            }
            let is_listed = |listing: &Option<&str>| {
                listing.is_none_or(|listing| self.estate.answered(id, listing))
            };
            let unlisted = AGENT_SERVICES
                .iter()
                .filter(|(_, listing)| !is_listed(listing));
            for (service, _) in unlisted {
                let why = "no answer lists them: roles that trust the service stand for them";
                told.push((of(&format!("agents of {service}")), why));
            }
        }
        for (what, why) in told {
            self.tell(what, why);
        }
        self.tell_of_unread_accounts(&unread);
    }

    /// An organisation may have thousands of accounts, and a snapshot three.
    fn tell_of_unread_accounts(&mut self, accounts: &[AccountId]) {
        let (named, others) = accounts.split_at(accounts.len().min(UNREAD_ACCOUNTS_NAMED));
        for id in named {
            let what = format!("principals of account {id}");
            self.tell(what, "no iam.json of it was given");
        }
        if !others.is_empty() {
            let what = format!("principals of {} more accounts", others.len());
            self.tell(
                what,
                "organization.json lists them, and no iam.json of them was given",
            );
        }
    }

    fn tell_of_calls(&mut self) {
        for ((account, region, operation, code), refusal) in std::mem::take(&mut self.refusals) {
            let place = self.estate.locate(&refusal.first);
            let more = match refusal.times {
                1 => String::new(),
                times => format!(" and {} more", times - 1),
            };
            self.tell(
                format!("{operation} in {account}/{region}"),
                format!("refused: {code}: {} ({place}{more})", refusal.message),
            );
        }
        for (operation, place) in std::mem::take(&mut self.unknown_operations) {
            let place = self.estate.locate(&place);
            let why = format!("{place} has an answer of it, which this version does not read");
            self.tell(format!("operation {operation}"), why);
        }
        let unread: Vec<_> = self
            .pages_offered
            .difference(&self.pages_read)
            .cloned()
            .collect();
        for (account, region, operation, _) in unread {
            let why = "the answer ends with a token for more, and no call continues it";
            self.tell(
                format!("the rest of {operation} in {account}/{region}"),
                why,
            );
        }
    }

    fn tell_of_pages(&mut self, account: AccountId, pages: &Pages) {
        let file = pages.file.clone().unwrap_or_default();
        if !pages.has_last {
            self.tell(
                format!("{MORE_PRINCIPALS} {account}"),
                format!("{file} says IsTruncated and no further page was given"),
            );
        }
        for (is_there, list, what) in [
            (pages.has_users, "UserDetailList", "users"),
            (pages.has_groups, "GroupDetailList", "groups"),
            (pages.has_roles, "RoleDetailList", "roles"),
        ] {
            if !is_there {
                self.tell(
                    format!("{what} of account {account}"),
                    format!("{file} has no {list}"),
                );
            }
        }
    }
}
