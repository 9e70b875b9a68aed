//! What comes with a direct message: a picture, a film, a place.

use schemas::data::{Attachment, Text};

use crate::normalize::json::{Json, object};
use crate::normalize::location;

object! {
    Attached { media: Media = "media", location: Location = "location", }

    /// What is called so of a film is its picture; the film itself comes in several sizes.
    Media { kind: Json = "type", url: Json = "media_url_https", film: Film = "video_info", }

    Film { variants: Json = "variants", }

    Variant { mime_type: Json = "content_type", url: Json = "url", bits: Json = "bitrate", }

    Location { shared: Coordinates = "shared_coordinate", place: SharedPlace = "shared_place", }

    Coordinates { point: Point = "coordinates", }

    /// Longitude, latitude.
    Point { coordinates: Json = "coordinates", }

    SharedPlace { place: Named = "place", }

    Named { full_name: Json = "full_name", name: Json = "name", }
}

impl<'a> Attached<'a> {
    pub(super) fn file(&self) -> Option<Attachment<'a>> {
        let media = &self.media;
        let kind = media.kind.text()?;
        if kind == "photo" {
            return Some(Attachment {
                kind: Some("image".into()),
                url: media.url.text(),
                ..Attachment::default()
            });
        }
        let film = media.film.variants.elements().map(Json::read::<Variant<'a>>);
        // A playlist has no bitrate.
        let best = film.max_by_key(|variant| variant.bits.int()).unwrap_or_default();
        Some(Attachment {
            kind: Some(if kind == "animated_gif" { "video".into() } else { kind }),
            url: best.url.text(),
            mime_type: best.mime_type.text(),
            ..Attachment::default()
        })
    }

    pub(super) fn place(&self) -> Option<Text<'a>> {
        let mut point = self.location.shared.point.coordinates.elements().map(Json::text);
        let (longitude, latitude) = (point.next().flatten(), point.next().flatten());
        let Named { full_name, name } = &self.location.place.place;
        location::in_words([full_name.text().or_else(|| name.text())], [latitude, longitude])
    }
}
