//! What a ticket found out about its person, and its images as files.

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::error::{Error, Kind, Result};
use crate::model::lifecycle::contradicts;
use crate::proto::{Artifact, IdentificationResult, TicketImageHeader};
use crate::vendor::kit::field_path::{Drift, Shown};
use crate::vendor::preventor::Preventor;
use crate::vendor::preventor::image::{GET_IMAGES, KINDS};
use crate::vendor::{
    Artifacts, Findings, Get, KnownArtifacts, ListArtifacts, OpenArtifact, OpenedArtifact, Results,
};

#[async_trait]
impl Results for Preventor {
    async fn result(&self, get: Get<'_>) -> Result<Findings, Error> {
        let (observation, seen) = self.look_up(&get).await?;
        let Some(seen) = seen else { return Ok(Findings::none(observation)) };
        if contradicts(&observation.reference, get.reference) {
            return Err(seen.answer.invalid("is about another identification"));
        }
        let drift = Drift::default();
        let shown = Shown::new(&seen.body, &drift);
        let result = IdentificationResult {
            fields: self.reader.person(&shown),
            documents: self.reader.documents(&shown),
            ..IdentificationResult::default()
        };
        let names = seen.drift.into_iter().chain(drift.into_names());
        Ok(Findings {
            observation,
            result: Some(result),
            raw: seen.answer.body().clone(),
            raw_media_type: "application/json",
            drift: names.map(str::to_owned).collect(),
        })
    }
}

#[async_trait]
impl Artifacts for Preventor {
    fn known(&self, _known: KnownArtifacts<'_>) -> Vec<Artifact> {
        // Which images a ticket has is told by the images alone.
        Vec::new()
    }

    async fn list(&self, list: ListArtifacts<'_>) -> Result<Option<Vec<Artifact>>, Error> {
        let Some(ticket) = list.reference.ticket_ids.last() else { return Ok(None) };
        let Some(images) = self.open_images(ticket, &[]).await? else { return Ok(None) };
        let named =
            |id: String, artifact| Artifact { name: format!("{}/artifacts/{id}", list.name), ..artifact };
        let artifacts = images.try_filter_map(async |image| {
            Ok(artifact(&image.header).map(|(id, artifact)| named(id, artifact)))
        });
        artifacts.try_collect().await.map(Some)
    }

    async fn open(&self, open: OpenArtifact<'_>) -> Result<Option<OpenedArtifact>, Error> {
        let Some(ticket) = open.reference.ticket_ids.last() else { return Ok(None) };
        let wanted = open.name.artifact.as_str();
        let none = || Error::new(Kind::ResourceNotFound, GET_IMAGES, "the identification has no such file");
        let (kind, _index) = wanted.rsplit_once('-').ok_or_else(none)?;
        let kind = KINDS.iter().find(|(_, name, _)| *name == kind).ok_or_else(none)?.0;
        let Some(mut images) = self.open_images(ticket, &[kind]).await? else { return Ok(None) };
        while let Some(image) = images.try_next().await? {
            if let Some((id, artifact)) = artifact(&image.header)
                && id == wanted
            {
                let artifact = Artifact { name: open.name.to_string(), ..artifact };
                // The images keep their place until the content is handed over.
                let content = stream::unfold((Some(image.content), images), async |(content, images)| {
                    Some((Ok(content?), (None, images)))
                });
                return Ok(Some(OpenedArtifact { artifact, content: content.boxed() }));
            }
        }
        Err(none())
    }
}

/// An image as a file, and its id. `None`: nobody knows of what kind it is.
fn artifact(header: &TicketImageHeader) -> Option<(String, Artifact)> {
    let (_, name, kind) = KINDS.iter().find(|(kind, _, _)| *kind == header.kind())?;
    let id = format!("{name}-{}", header.index);
    let ending = match header.media_type.strip_prefix("image/") {
        Some("jpeg") => "jpg",
        Some(subtype) if subtype.bytes().all(|byte| byte.is_ascii_alphanumeric()) => subtype,
        _ => "bin",
    };
    let artifact = Artifact {
        kind: (*kind).into(),
        media_type: header.media_type.clone(),
        file_name: format!("{id}.{ending}"),
        size_bytes: header.size_bytes,
        vendor_kind: header.kind().as_str_name().trim_start_matches("TICKET_IMAGE_KIND_").to_owned(),
        ..Artifact::default()
    };
    Some((id, artifact))
}
