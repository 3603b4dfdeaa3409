//! `leither mimei rights` and `grant`: what groups may, and what single accounts may instead.

use super::{id, view};
use crate::exit::{Done, Failure};
use crate::wallet::{TxFlags, Wallet};
use clap::Args;
use leither_pallets::Call;
use leither_pallets::mimei::{Call as MimeiCall, Group, Mask, Right, Rights};
use leither_rpc_api::{GetMimeiRights, methods};
use serde_json::json;

/// Who may what; with a group's name: what all of that group may.
#[derive(Args, Debug)]
pub struct Groups {
    /// On which.
    mimei: String,
    /// What anybody may: backup, release, refer, several with commas, or none.
    #[arg(long, value_name = "RIGHTS", requires = "from")]
    guests: Option<String>,
    /// What the members of the owning organization may.
    #[arg(long, value_name = "RIGHTS", requires = "from")]
    members: Option<String>,
    /// What its supervisors may.
    #[arg(long, value_name = "RIGHTS", requires = "from")]
    supervisors: Option<String>,
    /// Only shows what this account may.
    #[arg(long, conflicts_with_all = ["guests", "members", "supervisors"])]
    who: Option<String>,
    /// Who signs, where something is set: a key's name or its account.
    #[arg(long)]
    from: Option<String>,
    /// Who pays the fee: @name of an organization that sponsors its members.
    #[arg(long, requires = "from")]
    payer: Option<String>,
    /// The most that may be taken as fee, e.g. 0.01mei; twice the present price where it is not given.
    #[arg(long, requires = "from")]
    max_fee: Option<String>,
    /// Opens a proposal with this title, so that the owning organization does it by vote.
    #[arg(long, value_name = "TITLE", requires = "from")]
    propose: Option<String>,
    /// Who signs as well.
    #[arg(long, requires = "from")]
    cosign: Vec<String>,
    /// Only says what it would do; nothing is sent.
    #[arg(long, requires = "from")]
    dry_run: bool,
    /// Does not wait until it is final, nor look first whether it would be refused.
    #[arg(long, requires = "from")]
    no_wait: bool,
}

/// Grants one account rights, whatever its groups may, or denies them.
#[derive(Args, Debug)]
pub struct Grant {
    /// On which.
    mimei: String,
    /// To whom.
    who: String,
    /// backup, release, refer, several with commas; none denies all, default leaves it to what the account's groups may.
    rights: String,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

impl Groups {
    pub(super) async fn run(self, wallet: &Wallet) -> Done {
        let mimei = id(&self.mimei)?;
        if let Some(who) = &self.who {
            let account = wallet.account(who).await?.into();
            let ask = GetMimeiRights { mimei: mimei.into(), account };
            wallet.printer.answer(&wallet.client.call(&methods::MIMEI_GET_RIGHTS, ask).await?);
            return Ok(());
        }
        let view = view(wallet, mimei).await?;
        let named = [(Group::Guests, &self.guests), (Group::Members, &self.members), (Group::Supervisors, &self.supervisors)];
        let mut mask = Mask(view.groups.mask.0);
        for (group, text) in named {
            if let Some(text) = text {
                mask = mask.with(group, rights(text)?);
            }
        }
        let is_set = named.iter().any(|(_, text)| text.is_some());
        match self.tx().filter(|_| is_set) {
            Some(tx) => wallet.send_and_print(&tx, vec![Call::Mimei(MimeiCall::SetMask { mimei, mask })], &json!({})).await,
            None => {
                let (owner, groups, grants) = (view.owner, view.groups, view.grants);
                let shown =
                    json!({ "mimei": view.mimei, "owner": owner, "groups": groups, "grants": grants, "height": view.height });
                wallet.printer.answer(&shown);
                Ok(())
            }
        }
    }

    /// As every transaction's, where anybody signs.
    fn tx(&self) -> Option<TxFlags> {
        let Self { payer, max_fee, dry_run, no_wait, propose, cosign, .. } = self;
        let from = self.from.clone()?;
        Some(TxFlags {
            from,
            cosign: cosign.clone(),
            payer: payer.clone(),
            max_fee: max_fee.clone(),
            dry_run: *dry_run,
            no_wait: *no_wait,
            propose: propose.clone(),
        })
    }
}

impl Grant {
    pub(super) async fn run(self, wallet: &Wallet) -> Done {
        let who = wallet.account(&self.who).await?;
        let rights = if self.rights == "default" { None } else { Some(rights(&self.rights)?) };
        let call = MimeiCall::Grant { mimei: id(&self.mimei)?, who, rights };
        wallet.send_and_print(&self.tx, vec![Call::Mimei(call)], &json!({})).await
    }
}

/// `backup,release` or `none`.
fn rights(text: &str) -> Done<Rights> {
    if text == "none" {
        return Ok(Rights::default());
    }
    let mut all = Rights::default();
    for name in text.split(',') {
        all = all.with(match name.trim() {
            "backup" => Right::Backup,
            "release" => Right::Release,
            "refer" => Right::Refer,
            other => {
                return Err(Failure::usage(format!("`{other}` is no right: write backup, release, refer, or none for no right")));
            }
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mimei_9_rights_are_named_and_none_is_a_right_to_nothing() {
        assert_eq!(rights("none").unwrap(), Rights(0));
        assert_eq!(rights("backup, refer").unwrap(), Rights(0b101));
        for wrong in ["", "none,backup", "default", "write", "backup,,release"] {
            assert!(rights(wrong).unwrap_err().sentence.contains("is no right"), "{wrong}");
        }
    }
}
