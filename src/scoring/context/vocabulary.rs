//! The closed lists by which replies about photos are compared: colours, people, and words
//! without content. Words stand in lower case between spaces.

/// The eleven basic colour terms (Berlin & Kay 1969) and others that describe photos.
pub(super) const COLOURS: &str = "\
    black white red green yellow blue brown orange pink purple grey beige cream cyan gold \
    indigo ivory khaki lavender magenta maroon navy olive peach silver tan teal turquoise \
    violet crimson scarlet bronze";

/// Words of people.
pub(super) const PEOPLE: &str = "\
    person persons people man men woman women boy boys girl girls child children kid kids \
    baby babies toddler adult adults guy guys lady ladies gentleman gentlemen human humans \
    crowd pedestrian pedestrians player players rider riders surfer surfers skier skiers \
    skateboarder snowboarder driver passenger passengers worker workers family couple \
    someone somebody";

/// Words without content, and those that speak of pictures in general.
pub(super) const STOP_WORDS: &str = "\
    a about above across after all also an and another any are around as at be been behind \
    being between but by can has have he her here his i image in into is it it's its like \
    many may more most near next no not of off on 1 or other out over photo photograph \
    picture s scene seems she show showing shows so some such than that the their them there \
    these they this those to under up very was were which while with you depicts";

/// Whether `word` is one of `list`.
pub(super) fn holds(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}
