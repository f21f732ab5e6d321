use super::part;
use crate::model::Totals;

part! {
    Totals {
        sent: "total_sent" default(0);
        delivered: "total_delivered" default(0);
        opened: "total_opened" default(0);
        clicked: "total_clicks" default(0);
        bounced: "total_bounced" default(0);
        replied: "total_replied" default(0);
        unsubscribed: "total_unsubscribed" default(0);
    }
}
