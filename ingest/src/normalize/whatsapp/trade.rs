//! Orders, products, payments, invoices.

use schemas::data::Attachment;

use super::parts::{File, Money, joined, lines, note, thousandths};
use super::{Context, Said};
use crate::normalize::json::{Json, object};

object! {
    /// The business platform's spelling of the words comes through Evolution.
    Order {
        title: Json = "orderTitle",
        message: Json = "message" | "text",
        amount: Json = "totalAmount1000",
        currency: Json = "totalCurrencyCode",
        context: Context = "contextInfo",
    }

    Product {
        item: Item = "product",
        catalog: Item = "catalog",
        body: Json = "body",
        context: Context = "contextInfo",
    }

    /// A product, or a whole catalog.
    Item {
        title: Json = "title",
        description: Json = "description",
        amount: Json = "priceAmount1000",
        currency: Json = "currencyCode",
        image: Json = "productImage" | "catalogImage",
    }

    Payment {
        note: Json = "noteMessage",
        amount: Json = "amount1000",
        currency: Json = "currencyCodeIso4217",
        money: Money = "amount" | "totalAmount",
        description: Json = "description",
        service: Json = "serviceType",
        context: Context = "contextInfo",
    }

    Invoice {
        note: Json = "note",
        kind: Json = "attachmentType",
        mime_type: Json = "attachmentMimetype",
        context: Context = "contextInfo",
    }
}

pub(super) fn order<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let order: Order<'a> = value.read();
    let words = lines([order.title, order.message]);
    let amount = thousandths(order.amount, order.currency);
    Said::new(kind, joined(words.into_iter().chain(amount)), order.context)
}

pub(super) fn product<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let Product {
        item,
        catalog,
        body,
        context,
    } = value.read();
    let item = if item.title.is_there() || item.image.is_there() {
        item
    } else {
        catalog
    };
    let words = lines([item.title, item.description]);
    let amount = thousandths(item.amount, item.currency);
    let text = joined(words.into_iter().chain(amount).chain(body.text()));
    let image = item
        .image
        .is_object()
        .then(|| item.image.read::<File<'a>>().attachment("image".into()));
    Said {
        attachments: image.into_iter().collect(),
        ..Said::new(kind, text, context)
    }
}

/// A payment, the request of one, or an invitation to pay that way.
pub(super) fn payment<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let payment: Payment<'a> = value.read();
    let amount = payment
        .money
        .text()
        .or_else(|| thousandths(payment.amount, payment.currency));
    let words = note(payment.note).or_else(|| payment.description.text());
    let service = || {
        Some(match &*payment.service.text()? {
            "1" => "FBPAY".into(),
            "2" => "NOVI".into(),
            "3" => "UPI".into(),
            "4" => "PIX".into(),
            "0" | "UNKNOWN" => return None,
            other => other.to_owned().into(),
        })
    };
    let text = joined(amount.into_iter().chain(words)).or_else(service);
    Said::new(kind, text, payment.context)
}

pub(super) fn invoice<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let invoice: Invoice<'a> = value.read();
    let of = match invoice.kind.text().as_deref() {
        Some("1" | "PDF") => "document",
        _ => "image",
    };
    let file = invoice.mime_type.text().map(|mime_type| Attachment {
        kind: Some(of.into()),
        mime_type: Some(mime_type),
        ..Attachment::default()
    });
    Said {
        attachments: file.into_iter().collect(),
        ..Said::new(kind, invoice.note.text(), invoice.context)
    }
}
