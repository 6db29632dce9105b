//! Names of objects, a page of at most 1,000 at a time.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::Object;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, Result};

use super::S3;
use super::error::Action;
use super::read::instant;

const DELIMITER: &str = "/";

/// Where a listing goes on.
enum Next {
    First,
    Page(String),
    End,
}

impl S3 {
    /// Objects below `prefix`, in the order of their keys; only those behind `after`, if that is given.
    pub(super) fn objects(
        &self,
        prefix: Option<&Path>,
        after: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let after = after.map(|after| self.key(after));
        let store = self.clone();
        let found = move |page: ListObjectsV2Output| {
            let store = store.clone();
            let found = page.contents.unwrap_or_default().into_iter();
            futures::stream::iter(found.filter_map(move |object| store.meta(object)).map(Ok))
        };
        self.pages(prefix, after, false).map_ok(found).try_flatten().boxed()
    }

    /// Whether there is any object.
    pub(crate) async fn has_objects(&self) -> Result<bool> {
        let one = self.client.list_objects_v2().bucket(&self.place.bucket).set_prefix(self.below(&Path::default()));
        let found = one.max_keys(1).send().await;
        let found = found.map_err(|error| self.failed(Action::List, &Path::default(), &error))?;
        Ok(found.key_count.unwrap_or_default() > 0)
    }

    /// What the keys of a folder begin with: that of `a` does not cover `ab`. `None` for a whole bucket.
    fn below(&self, folder: &Path) -> Option<String> {
        let key = self.key(folder);
        let key = key.trim_end_matches(DELIMITER);
        (!key.is_empty()).then(|| format!("{key}{DELIMITER}"))
    }

    /// What lies in one folder: objects, and further folders.
    pub(super) async fn folder(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut result = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut pages = self.pages(prefix, None, true);
        while let Some(page) = pages.try_next().await? {
            result.objects.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| self.meta(object)));
            let folders = page.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix);
            result.common_prefixes.extend(folders.filter_map(|folder| self.location(&folder)));
        }
        Ok(result)
    }

    fn pages(
        &self,
        prefix: Option<&Path>,
        after: Option<String>,
        in_folders: bool,
    ) -> BoxStream<'static, Result<ListObjectsV2Output>> {
        let location = prefix.cloned().unwrap_or_default();
        let list = self.client.list_objects_v2().bucket(&self.place.bucket).set_prefix(self.below(&location));
        let list = list.set_start_after(after).set_delimiter(in_folders.then(|| DELIMITER.to_owned()));
        let store = self.clone();
        futures::stream::try_unfold(Next::First, move |next| {
            let (list, store, location) = (list.clone(), store.clone(), location.clone());
            async move {
                let token = match next {
                    Next::First => None,
                    Next::Page(token) => Some(token),
                    Next::End => return Ok(None),
                };
                let page = list.set_continuation_token(token).send().await;
                let page = page.map_err(|error| store.failed(Action::List, &location, &error))?;
                let next = page.next_continuation_token.clone().map_or(Next::End, Next::Page);
                Ok(Some((page, next)))
            }
        })
        .boxed()
    }

    /// An object of the lake; `None` for what stands for a folder, as some tools make, and for names that weir never gives.
    fn meta(&self, object: Object) -> Option<ObjectMeta> {
        let key = object.key.filter(|key| !key.ends_with(DELIMITER))?;
        Some(ObjectMeta {
            location: self.location(&key)?,
            last_modified: instant(object.last_modified.as_ref()),
            size: u64::try_from(object.size.unwrap_or_default()).unwrap_or_default(),
            e_tag: object.e_tag,
            version: None,
        })
    }

    fn location(&self, key: &str) -> Option<Path> {
        let prefix = self.place.prefix.as_ref();
        let relative = if prefix.is_empty() { key } else { key.strip_prefix(prefix)?.strip_prefix(DELIMITER)? };
        Path::parse(relative).ok().filter(|path| !path.is_root())
    }
}
