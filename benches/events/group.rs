//! The aggregation that counts tracking rows by campaign, written out.

use mongodb::bson::{Document, doc};

pub(crate) fn stage() -> Document {
    let there = |name: &str| doc! { "$gt": [format!("${name}"), null] };
    let positive = |name: &str| doc! { "$gt": [format!("${name}"), 0] };
    let reached = |signs: Vec<Document>| {
        let reached = doc! { "$and": [{ "$ne": ["$bounced", true] }, { "$or": signs }] };
        doc! { "$sum": { "$cond": [reached, 1_i64, 0_i64] } }
    };
    let clicked = vec![there("clicked_at"), positive("clicks")];
    let opened = [clicked.clone(), vec![there("opened_at"), positive("opens")]].concat();
    let replied = vec![there("replied_at"), positive("replies")];
    let delivered = [vec![there("delivered_at")], opened.clone(), replied.clone()].concat();
    doc! { "$group": {
        "_id": "$campaign_id",
        "sent": { "$sum": 1_i64 },
        "delivered": reached(delivered),
        "opened": reached(opened),
        "clicked": reached(clicked),
        "replied": reached(replied),
        "bounced": { "$sum": { "$cond": ["$bounced", 1_i64, 0_i64] } },
        "unsubscribed": { "$sum": { "$cond": ["$unsubscribed", 1_i64, 0_i64] } },
    } }
}
