//! Reading lists in pages, with cursors kept for later.

use campaign_store::{Cursor, Order, Page, PageRequest};
use serde::Serialize;
use serde_json::json;

use super::answer::Reply;
use super::draw::Draw;

/// The cursors of a collection's lists, each with its list.
#[derive(Debug)]
pub(super) struct Lists<F> {
    begun: Vec<(F, Order, Cursor)>,
}

/// All that reading a page can lead to.
pub(super) const OUTCOMES: &[&str] = &["last page", "more pages", "InvalidCursor"];

impl<F> Default for Lists<F> {
    fn default() -> Self {
        Self { begun: Vec::new() }
    }
}

impl<F: Clone> Lists<F> {
    /// A part of a list: of `filter` from the start, or a later one of a list that was begun;
    /// sometimes with a cursor that does not belong to it.
    pub(super) fn draw(&self, filter: F, draw: &mut Draw) -> (F, Order, PageRequest) {
        let limit = draw.of("limit", &[1, 1, 2, 3, PageRequest::MAX_LIMIT]);
        let order = draw.of("order", &[Order::OldestFirst, Order::NewestFirst]);
        let page = PageRequest::new(limit).expect("a valid limit");
        let place = draw.below(self.begun.len().max(1));
        let begun = self.begun.get(place).cloned();
        match (draw.below(20), begun) {
            (0..3, _) => {
                draw.note("damaged cursor");
                let cursor: Cursor = "A".repeat(28).parse().expect("the length of a cursor");
                (filter, order, page.order(order).after(cursor))
            }
            (3..6, Some((_, _, cursor))) => {
                draw.note(format!("cursor {place} for another list"));
                (filter, order, page.order(order).after(cursor))
            }
            (6..14, Some((filter, order, cursor))) => {
                draw.note(format!("cursor {place} for its own list"));
                (filter, order, page.order(order).after(cursor))
            }
            _ => (filter, order, page.order(order)),
        }
    }

    /// What a page is, without the cursor's text; the cursor is kept.
    pub(super) fn reply<T: Serialize>(&mut self, filter: F, order: Order, page: Page<T>) -> Reply {
        let kind = if page.next.is_some() { "more pages" } else { "last page" };
        self.begun.extend(page.next.map(|cursor| (filter, order, cursor)));
        Reply::new([kind], &json!(page.items))
    }
}
