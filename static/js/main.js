import "./keyboard.js";
