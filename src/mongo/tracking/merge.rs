//! Merging streams that are in the order of campaigns.

use std::pin::pin;

use async_stream::stream;
use futures_util::stream::{Stream, StreamExt};

use crate::error::Result;
use crate::model::CampaignId;

/// What is known of a campaign, or of no campaign.
pub(super) type Of<T> = (Option<CampaignId>, T);

/// Two streams as one: what both have of a campaign comes together. Errors, and what belongs to no campaign,
/// come alone, when they are met.
pub(super) fn merged<A, B>(
    left: impl Stream<Item = Result<Of<A>>> + Send,
    right: impl Stream<Item = Result<Of<B>>> + Send,
) -> impl Stream<Item = Result<Of<(Option<A>, Option<B>)>>> + Send
where
    A: Send,
    B: Send,
{
    stream! {
        let mut left = pin!(left.peekable());
        let mut right = pin!(right.peekable());
        loop {
            // The one that is behind advances.
            let next = (left.as_mut().peek().await.map(campaign), right.as_mut().peek().await.map(campaign));
            let (takes_left, takes_right) = match next {
                (None, None) => break,
                (Some(None), _) | (Some(_), None) => (true, false),
                (_, Some(None)) | (None, Some(_)) => (false, true),
                (Some(Some(one)), Some(Some(other))) => (one <= other, other <= one),
            };
            let one = if takes_left { left.next().await.transpose() } else { Ok(None) };
            let other = if takes_right { right.next().await.transpose() } else { Ok(None) };
            yield match (one, other) {
                (Err(error), _) | (_, Err(error)) => Err(error),
                (Ok(one), Ok(other)) => {
                    let (id, one) = one.map_or((None, None), |(id, one)| (id, Some(one)));
                    let (other_id, other) = other.map_or((None, None), |(id, other)| (id, Some(other)));
                    Ok((id.or(other_id), (one, other)))
                }
            };
        }
    }
}

fn campaign<T>(item: &Result<Of<T>>) -> Option<CampaignId> {
    item.as_ref().ok().and_then(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use futures_util::stream::iter;
    use uuid::Uuid;

    use super::*;
    use crate::error::Error;

    #[tokio::test]
    async fn what_both_have_of_a_campaign_comes_together() {
        let id = |n: u128| Some(CampaignId::from(Uuid::from_u128(n)));
        let left = [
            Ok((None, 'x')),
            Ok((id(1), 'a')),
            Ok((id(3), 'b')),
            Err(Error::InvalidCursor),
            Ok((id(5), 'c')),
        ];
        let right = [Ok((id(2), 1)), Ok((id(3), 2)), Ok((None, 3)), Ok((id(9), 4))];
        let all: Vec<_> = merged(iter(left), iter(right)).collect().await;
        assert_eq!(
            all,
            [
                Ok((None, (Some('x'), None))),
                Ok((id(1), (Some('a'), None))),
                Ok((id(2), (None, Some(1)))),
                Ok((id(3), (Some('b'), Some(2)))),
                Err(Error::InvalidCursor),
                Ok((None, (None, Some(3)))),
                Ok((id(5), (Some('c'), None))),
                Ok((id(9), (None, Some(4)))),
            ]
        );
    }
}
