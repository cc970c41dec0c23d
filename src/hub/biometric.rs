//! Biometric enrolment: users whose process token is kept sealed, pictures that are handed on, findings that are not kept.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures::Stream;
use prost::Message;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{Error, Kind, Result};
use crate::hub::capability::offered;
use crate::hub::forget::while_of_use;
use crate::hub::picture;
use crate::hub::request::{Entry, Mutation, Once};
use crate::hub::{Hub, sealing, store};
use crate::journal::Batch;
use crate::journal::seal::SealInput;
use crate::model::biometric::{CreateBiometricUser, EnrollBiometricUser, Pictures, UploadPictures};
use crate::model::name::BiometricUserName;
use crate::proto::biometrics::{
    CreateBiometricUserRequest, CreateBiometricUserResponse, EnrollBiometricUserRequest,
    EnrollBiometricUserResponse, UploadBiometricImagesHeader, UploadBiometricImagesRequest,
    UploadBiometricImagesResponse,
};
use crate::vendor::Vendor;
use crate::vendor::biometrics::{Biometrics, CreatedUser, Enroll, Enrolled, UploadPictures as HandOver};

const CAPABILITY: &str = "biometrics";
const CREATE: &str = "create_biometric_user";
const UPLOAD: &str = "upload_biometric_images";
const ENROLL: &str = "enroll_biometric_user";

/// What repeats of an upload have in common: pictures of other bytes are another upload.
#[derive(Clone, PartialEq, Message)]
struct Uploaded {
    #[prost(message, optional, tag = "1")]
    header: Option<UploadBiometricImagesHeader>,
    /// Of the portraits in their order.
    #[prost(bytes = "vec", repeated, tag = "2")]
    portraits_sha256: Vec<Vec<u8>>,
    /// Of the pictures of documents in their order.
    #[prost(bytes = "vec", repeated, tag = "3")]
    documents_sha256: Vec<Vec<u8>>,
}

impl Mutation for Uploaded {
    type Response = UploadBiometricImagesResponse;
    const METHOD: &'static str = "/idvgateway.biometrics.v1.BiometricsService/UploadBiometricImages";
    const OPERATION: &'static str = UPLOAD;

    fn payload(mut self) -> Self {
        self.header.get_or_insert_default().request_id.clear();
        self
    }

    fn replayed(first: &mut Self::Response) -> Option<&mut String> {
        first.replayed = true;
        None
    }
}

/// Pictures that are whole, on their way to the vendor.
struct Handover {
    command: UploadPictures,
    pictures: Pictures,
    vendor: Arc<dyn Vendor>,
    uploaded: Uploaded,
}

impl Hub {
    /// Makes a biometric user. Goes on to the end when the caller goes away.
    ///
    /// The vendor's token for the process stays here, sealed with the user, for as long as it is of use.
    pub async fn create_biometric_user(
        self: &Arc<Self>,
        caller: String,
        request: CreateBiometricUserRequest,
    ) -> Result<CreateBiometricUserResponse> {
        let hub = self.clone();
        self.see_through(CREATE, async move { hub.make_user(&caller, request).await }).await
    }

    async fn make_user(
        &self,
        caller: &str,
        request: CreateBiometricUserRequest,
    ) -> Result<CreateBiometricUserResponse> {
        let command = CreateBiometricUser::parse(request.clone())?;
        let vendor = self.vendor(&command.connection, CREATE)?;
        let biometrics = biometrics(&*vendor, CREATE)?;
        let refused = biometrics.check(&command);
        if !refused.is_empty() {
            return Err(Error::invalid(CREATE, refused));
        }
        let mut once = match self.enter(caller, &request, command.request_id).await? {
            Entry::Answered(first) => return Ok(first),
            Entry::First(once) | Entry::BrokeOff(once, _) => once,
        };
        let subject = command.connection.name();
        let seen = self.head();
        let create = async {
            let created = biometrics.create_user(&command).await;
            self.note_health(&*vendor, created).await
        };
        match self.send_once::<CreateBiometricUserRequest, _>(&mut once, &subject, create).await {
            Ok(created) => self.record_user(&once, &created).await,
            Err(refusal) => {
                self.keep_answer::<CreateBiometricUserRequest>(&once, &subject, seen, Err(refusal)).await
            }
        }
    }

    async fn record_user(&self, once: &Once, created: &CreatedUser) -> Result<CreateBiometricUserResponse> {
        let CreatedUser { name, create_time, token, expire_time } = created;
        let owner = name.to_string();
        let response =
            CreateBiometricUserResponse { name: owner.clone(), create_time: *create_time, replayed: false };
        let requests = self.answered(once, &name.connection.name(), Ok(&response), self.head());
        let mut batch = Batch { requests, ..Batch::default() };
        let secret = SealInput {
            connection: name.connection.as_str(),
            owner: &owner,
            item: &item(name),
            kind: "process_token",
            plaintext: token.expose_secret().as_bytes(),
        };
        let until = while_of_use(self.clock.now(), expire_time.as_ref());
        self.keep_until(&mut batch, secret, until, CREATE)?;
        self.append(batch).await.map_err(|error| store(error, CREATE))?;
        Ok(response)
    }

    /// Takes the pictures of a user and hands them to the vendor. Nothing reaches the vendor before all of them are there
    /// and are what was announced; from then on the call goes to its end, also when the caller goes away.
    pub async fn upload_biometric_images(
        self: &Arc<Self>,
        caller: String,
        parts: impl Stream<Item = Result<UploadBiometricImagesRequest>> + Send,
    ) -> Result<UploadBiometricImagesResponse> {
        self.in_time(UPLOAD, self.take_pictures(caller, parts)).await
    }

    async fn take_pictures(
        self: &Arc<Self>,
        caller: String,
        parts: impl Stream<Item = Result<UploadBiometricImagesRequest>> + Send,
    ) -> Result<UploadBiometricImagesResponse> {
        let mut parts = Box::pin(parts);
        let header = picture::header(&mut parts).await?;
        let command = UploadPictures::parse(header.clone())?;
        let vendor = self.vendor(&command.name.connection, UPLOAD)?;
        let limits = biometrics(&*vendor, UPLOAD)?.limits();
        let place = self.picture_uploads.clone().try_acquire_owned().map_err(|full| {
            let detail = "too many pictures are on their way to vendors; try again";
            Error::new(Kind::GatewayOverloaded, UPLOAD, detail).caused_by(full)
        })?;
        let pictures = picture::pictures(parts, &limits).await?;
        let hashes = |pictures: &[Bytes]| {
            pictures.iter().map(|picture| digest(&SHA256, picture).as_ref().to_vec()).collect()
        };
        let uploaded = Uploaded {
            header: Some(header),
            portraits_sha256: hashes(&pictures.portraits),
            documents_sha256: hashes(&pictures.documents),
        };
        let handover = Handover { command, pictures, vendor, uploaded };
        let hub = self.clone();
        let hand_over = async move {
            let _place = place;
            hub.hand_over_pictures(&caller, handover).await
        };
        self.see_through(UPLOAD, hand_over).await
    }

    async fn hand_over_pictures(
        &self,
        caller: &str,
        handover: Handover,
    ) -> Result<UploadBiometricImagesResponse> {
        let Handover { command, pictures, vendor, uploaded } = handover;
        let mut once = match self.enter(caller, &uploaded, command.request_id).await? {
            Entry::Answered(first) => return Ok(first),
            Entry::First(once) | Entry::BrokeOff(once, _) => once,
        };
        let name = &command.name;
        let _turn = self.locks.lock(&name.to_string()).await;
        let seen = self.head();
        let sent = async {
            let token = &self.process_token(name, UPLOAD).await?;
            let hand_over = HandOver { name, token, pictures: &pictures, client: &command.client };
            let biometrics = biometrics(&*vendor, UPLOAD)?;
            let upload = async {
                let uploaded = biometrics.upload(hand_over).await;
                self.note_health(&*vendor, uploaded).await
            };
            let ticket = self.send_once::<Uploaded, _>(&mut once, name, upload).await?;
            Ok(UploadBiometricImagesResponse { ticket: ticket.to_string(), replayed: false })
        };
        let outcome = sent.await;
        self.keep_answer::<Uploaded>(&once, name, seen, outcome).await
    }

    /// Enrols a user with what was uploaded.
    ///
    /// The findings are kept nowhere, so that a repeat asks the vendor again: that asks for the outcome of the same upload,
    /// and whoever lost an answer would otherwise have lost the enrolment with it.
    pub async fn enroll_biometric_user(
        &self,
        caller: &str,
        request: EnrollBiometricUserRequest,
    ) -> Result<EnrollBiometricUserResponse> {
        let command = &EnrollBiometricUser::parse(request.clone())?;
        let vendor = self.vendor(&command.name.connection, ENROLL)?;
        let biometrics = biometrics(&*vendor, ENROLL)?;
        let mut once = match self.enter(caller, &request, command.request_id).await? {
            Entry::Answered(first) => return Ok(first),
            Entry::First(once) | Entry::BrokeOff(once, _) => once,
        };
        let _turn = self.locks.lock(&command.name.to_string()).await;
        let token = &self.process_token(&command.name, ENROLL).await?;
        self.begin_open::<EnrollBiometricUserRequest>(&mut once, &command.name).await?;
        let enrolled = biometrics.enroll(Enroll { command, token }).await;
        let Enrolled { response, drift } = self.note_health(&*vendor, enrolled).await?;
        for field in &drift {
            self.metrics.drift(vendor.account().vendor.as_str_name(), field);
        }
        Ok(response)
    }

    /// What opens the vendor's calls of the process that `name` was made for.
    async fn process_token(&self, name: &BiometricUserName, operation: &'static str) -> Result<SecretString> {
        let sealed = self.journal.sealed(&item(name)).await.map_err(|error| store(error, operation))?;
        let sealed = sealed.ok_or_else(|| {
            let detail = format!(
                "no process of {name} is open here: it was made elsewhere, or its time is over; create another user"
            );
            Error::new(Kind::StateNotAllowed, operation, detail).about(name)
        })?;
        let token = self.vault.open(&sealed).map_err(|error| sealing(error, operation))?;
        Ok(SecretString::from(&*String::from_utf8_lossy(&token)))
    }
}

fn biometrics<'a>(vendor: &'a dyn Vendor, operation: &'static str) -> Result<&'a dyn Biometrics> {
    offered(vendor, vendor.biometrics(), CAPABILITY, operation)
}

fn item(name: &BiometricUserName) -> String {
    format!("process_token/{name}")
}
