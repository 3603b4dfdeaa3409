//! Names to ids: `alice`, `lth1…`, `@demo-tube`, `5mei` (DESIGN, section 5: conventions).

use super::Wallet;
use crate::amounts;
use crate::exit::{Done, Exit, Failure};
use crate::keys::{KeyError, dev_account, is_name};
use leither_rpc_api::{GetOrg, GetToken, OrgRef, OrgView, TokenRef, methods};
use leither_types::{AccountId, Amount, OrgId, SecretKey, TokenId};

impl Wallet {
    /// A local key's name, an id, `@name` of an organization; on a development chain also `alice` and the others.
    pub async fn account(&self, text: &str) -> Done<AccountId> {
        if let Some(org) = text.strip_prefix('@') {
            return Ok(self.org(org).await?.org.0.treasury());
        }
        if is_name(text) {
            match self.keyring.show(text) {
                Ok(entry) => return Ok(entry.account),
                Err(KeyError::Missing(_)) => {}
                Err(other) => return Err(other.into()),
            }
            if let Some(key) = self.dev_key(text) {
                return Ok(AccountId::of_key(&key.public()));
            }
        }
        text.parse().map_err(|_| {
            Failure::usage(format!(
                "`{text}` is no account: expected an id (lth1…), a key of yours (`leither keys list`) or @name of an organization"
            ))
        })
    }

    /// A key that signs.
    pub async fn signer(&self, name: &str) -> Done<SecretKey> {
        let by_name = if is_name(name) { Some(name.to_string()) } else { self.name_of(name).await? };
        let Some(name) = by_name else {
            return Err(Failure::usage(format!("no key of yours is `{name}`: `leither keys list` shows them")));
        };
        match self.keyring.load(&name, &mut || self.passwords.ask(&name, false)) {
            Ok(key) => Ok(key),
            Err(error @ KeyError::Missing(_)) => self.dev_key(&name).ok_or_else(|| error.into()),
            Err(other) => Err(other.into()),
        }
    }

    /// Which key of ours has this id.
    async fn name_of(&self, id: &str) -> Done<Option<String>> {
        let account = self.account(id).await?;
        let listed = self.keyring.list()?;
        Ok(listed.into_iter().find(|l| l.entry.as_ref().is_ok_and(|e| e.account == account)).map(|l| l.name))
    }

    /// Public keys sign on development chains alone, and their chain id is no other's.
    fn dev_key(&self, name: &str) -> Option<SecretKey> {
        if self.info.dev { dev_account(name) } else { None }
    }

    /// An organization by name (with or without `@`) or id.
    pub async fn org(&self, text: &str) -> Done<OrgView> {
        let org: OrgRef = text.trim_start_matches('@').parse().map_err(Failure::usage)?;
        Ok(self.client.call(&methods::ORG_GET, GetOrg { org }).await?)
    }

    /// An organization's id.
    pub async fn org_id(&self, text: &str) -> Done<OrgId> {
        Ok(self.org(text).await?.org.0)
    }

    /// `<number><symbol>` in smallest units of that token.
    pub async fn amount(&self, text: &str) -> Done<(TokenId, Amount)> {
        let written = amounts::parse(text)?;
        let token: TokenRef = written.symbol.parse().map_err(Failure::usage)?;
        let view = self.client.call(&methods::TOKEN_GET, GetToken { token }).await?;
        Ok((view.token.0, written.units(view.decimals)?))
    }

    /// An amount that must be of this token.
    pub async fn amount_of(&self, text: &str, token: &TokenId, symbol: &str) -> Done<Amount> {
        let (found, amount) = self.amount(text).await?;
        if found == *token { Ok(amount) } else { Err(Failure::new(Exit::Usage, format!("`{text}` must be in {symbol}"))) }
    }

    /// An amount of `mei`, without asking anybody.
    pub fn mei(&self, text: &str) -> Done<Amount> {
        Ok(amounts::parse_native(text)?)
    }
}
