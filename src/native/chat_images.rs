//! The images of one chat: each file read once for its content, each content decoded and
//! encoded at most once, and not at all where its features are kept.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use mlx_rs::Array;

use super::{
    content_hash::ContentHash,
    generate_error::GenerateError,
    image_processor::{ImageError, ImageLayout, ProcessedImage, decode_rgb, read_image},
    models::Architecture,
    segments::ShownImage,
    vision_cache::{SeenImage, VisionCache},
};
use crate::vlm::{Chat, Observer, Phase};

/// Vision features `[positions, hidden]` by the content of the image.
pub type Features = HashMap<ContentHash, Array>;

enum Image {
    Seen(SeenImage),
    New(ProcessedImage),
}

impl Image {
    fn layout(&self) -> ImageLayout {
        match self {
            Self::Seen(image) => image.layout,
            Self::New(image) => image.layout,
        }
    }
}

/// Images as a chat shows them.
pub struct ChatImages {
    /// One entry per image of the chat.
    shown: Vec<(ContentHash, ImageLayout)>,
    images: HashMap<ContentHash, Image>,
}

impl ChatImages {
    /// Reads the images of `chat`; those that `cache` does not know are decoded and cut into
    /// frames.
    ///
    /// # Errors
    /// When a file cannot be read, is no image or cannot be brought to the sizes the model needs.
    pub fn open(
        model: &Architecture,
        chat: &Chat,
        cache: &mut VisionCache,
    ) -> Result<Self, ImageError> {
        let mut opened = Self { shown: Vec::new(), images: HashMap::new() };
        for path in chat.images() {
            let bytes = read_image(path)?;
            let content = ContentHash::of(&bytes);
            let image = match opened.images.entry(content) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(match cache.get(content) {
                    Some(image) => Image::Seen(image),
                    None => Image::New(model.process(decode_rgb(&bytes, path)?.view())?),
                }),
            };
            opened.shown.push((content, image.layout()));
        }
        Ok(opened)
    }

    /// The layouts of all images, in the order of the chat.
    pub fn layouts(&self) -> Vec<ImageLayout> {
        self.shown.iter().map(|(_, layout)| *layout).collect()
    }

    /// The contents of all images, in the order of the chat.
    pub fn contents(&self) -> impl Iterator<Item = ContentHash> {
        self.shown.iter().map(|(content, _)| *content)
    }

    /// What the images fill of a prompt.
    pub fn in_prompt(&self, model: &Architecture) -> Vec<ShownImage> {
        let shown = self.shown.iter();
        shown
            .map(|&(content, layout)| ShownImage { content, positions: model.positions(&layout) })
            .collect()
    }

    /// The frames of each of these images whose features still have to be computed.
    pub fn frames_of_new(&self, contents: &HashSet<ContentHash>) -> impl Iterator<Item = usize> {
        let images = contents.iter().filter_map(|content| self.images.get(content));
        images.filter_map(|image| match image {
            Image::Seen(_) => None,
            Image::New(image) => Some(image.layout.frames),
        })
    }

    /// The features of `needed`, one image encoded after the other in the order of the chat;
    /// `cache` keeps them. Pixels are gone when this returns.
    ///
    /// # Errors
    /// When MLX refuses or fails the computation, or `observer` stops it.
    pub fn features(
        mut self,
        model: &Architecture,
        needed: &HashSet<ContentHash>,
        cache: &mut VisionCache,
        observer: &mut dyn Observer,
    ) -> Result<Features, GenerateError> {
        let mut features = Features::with_capacity(needed.len());
        for (content, layout) in self.shown {
            if !needed.contains(&content) {
                continue;
            }
            // An image that is shown again was taken out the first time.
            let found = match self.images.remove(&content) {
                None => continue,
                Some(Image::Seen(image)) => image.features,
                Some(Image::New(image)) => {
                    observer.reached(Phase::Vision)?;
                    let encoded = model.encode(&image)?;
                    drop(image);
                    cache.insert(content, SeenImage { layout, features: encoded.clone() });
                    encoded
                }
            };
            features.insert(content, found);
        }
        Ok(features)
    }
}
