//! Reads the sources, one over the other, and reports all that is wrong at once.

use std::path::PathBuf;

use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};

use super::Config;
use super::check::Checks;
use super::fault::{ConfigError, ConfigFault, describe, unknown_key};

/// Start of the name of every variable that is read.
const PREFIX: &str = "EARLYBIRD_";

/// Between section and key. Variables without it are not ours: a container platform sets `EARLYBIRD_SERVICE_HOST` and the like
/// for a service of that name.
const SEPARATOR: &str = "__";

/// Where a configuration comes from, besides the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Variables of the environment by name; only `EARLYBIRD_SECTION__KEY` are read.
    pub environment: Vec<(String, String)>,
    /// Values of the command line: key with its section, such as `grpc.listen`, and text as in the environment.
    pub overrides: Vec<(&'static str, String)>,
}

/// Loads and checks the configuration.
///
/// # Errors
/// Every key that is unknown, and every value that is not accepted.
pub fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let figment = gather(sources)?;
    let mut faults = Vec::new();
    let config = extract(&figment, &mut faults).ok_or_else(|| ConfigError { faults: faults.clone() })?;
    for (key, message) in Checks::of(&config).faults {
        if !faults.iter().any(|fault| fault.key == key) {
            faults.push(ConfigFault { key: key.into(), message, origin: origin(&figment, sources, key) });
        }
    }
    for fault in faults.iter_mut().filter(|fault| fault.origin.is_empty()) {
        fault.origin = origin(&figment, sources, &fault.key);
    }
    if faults.is_empty() { Ok(config) } else { Err(ConfigError { faults }) }
}

fn gather(sources: &Sources) -> Result<Figment, ConfigError> {
    let mut figment = defaults();
    if let Some(path) = &sources.file {
        let unreadable = |message: String| ConfigError {
            faults: vec![ConfigFault { key: String::new(), message, origin: path.display().to_string() }],
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| unreadable(format!("the configuration file cannot be read: {error}")))?;
        let file = Toml::string(&text);
        file.data().map_err(|error| unreadable(error.kind.to_string().trim_end().into()))?;
        figment = figment.merge(file);
    }
    for (name, value) in &sources.environment {
        if let Some(key) = key_of_variable(name) {
            let Ok(value) = value.parse::<Value>();
            figment = figment.merge(Serialized::default(&key, value));
        }
    }
    for (key, value) in &sources.overrides {
        let Ok(value) = value.parse::<Value>();
        figment = figment.merge(Serialized::default(key, value));
    }
    Ok(figment)
}

/// The key that a variable sets, if it is one of ours.
fn key_of_variable(name: &str) -> Option<String> {
    let key = name.strip_prefix(PREFIX)?;
    key.contains(SEPARATOR).then(|| key.to_lowercase().replace(SEPARATOR, "."))
}

fn defaults() -> Figment {
    Figment::from(Serialized::defaults(Config::default()))
}

/// Extracts the configuration. A fault is noted and mended with the default, so that the next can be found.
fn extract(figment: &Figment, faults: &mut Vec<ConfigFault>) -> Option<Config> {
    /// More faults than this are not worth reading.
    const FAULTS_MAX: usize = 100;
    let mut noted = |key: String, message: String| {
        faults.push(ConfigFault { key, message, origin: String::new() });
    };
    let mut dict = match figment.data() {
        Ok(mut profiles) => profiles.remove(&Profile::Default).unwrap_or_default(),
        Err(error) => {
            noted(error.path.join("."), describe(&error.kind));
            return None;
        }
    };
    for _ in 0..FAULTS_MAX {
        let error = match Value::from(dict.clone()).deserialize::<Config>() {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let mut path = error.path.clone();
        if let Kind::UnknownField(name, known) = &error.kind {
            if path.last() != Some(name) {
                path.push(name.clone());
            }
            noted(path.join("."), unknown_key(name, known));
            remove(&mut dict, &path)?;
        } else {
            noted(path.join("."), describe(&error.kind));
            match defaults().find_value(&path.join(".")) {
                Ok(default) => replace(&mut dict, &path, default)?,
                Err(_) => remove(&mut dict, &path)?,
            }
        }
    }
    None
}

fn remove(dict: &mut Dict, path: &[String]) -> Option<()> {
    parent(dict, path)?.remove(path.last()?).map(drop)
}

fn replace(dict: &mut Dict, path: &[String], value: Value) -> Option<()> {
    parent(dict, path)?.insert(path.last()?.clone(), value).map(drop)
}

fn parent<'dict>(dict: &'dict mut Dict, path: &[String]) -> Option<&'dict mut Dict> {
    let (_, sections) = path.split_last()?;
    sections.iter().try_fold(dict, |dict, section| match dict.get_mut(section) {
        Some(Value::Dict(_, inner)) => Some(inner),
        _ => None,
    })
}

/// Where the value of `key` was set.
fn origin(figment: &Figment, sources: &Sources, key: &str) -> String {
    if sources.overrides.iter().any(|(overridden, _)| *overridden == key) {
        return "the command line".into();
    }
    let variable = sources.environment.iter().find(|(name, _)| key_of_variable(name).as_deref() == Some(key));
    if let Some((name, _)) = variable {
        return name.clone();
    }
    let from_file = figment.find_metadata(key).is_some_and(|metadata| metadata.name.contains("TOML"));
    let file = sources.file.as_ref().filter(|_| from_file);
    file.map(|file| file.display().to_string()).unwrap_or_default()
}
